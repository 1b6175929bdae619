"""The WSGI application, for gunicorn and any other server."""

import os

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
# Where a command has done so, its log stays as it is.
if not apps.ready:
    django.setup(set_prefix=False)

from retail_pulse.handler import Handler

application = Handler()
