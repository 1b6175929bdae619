"""The WSGI application, for gunicorn and any other server."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail_pulse.settings")
django.setup(set_prefix=False)

from retail_pulse.handler import Handler  # noqa: E402 - it needs the settings

application = Handler()
