"""What follows from a change of thresholds: everything is worked out again, by an engine."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from photos import findings
from photos.models import PhotoThresholds


def listen() -> None:
    """However they are changed: by the API, in the admin, or with their category."""
    for signal in (post_save, post_delete):
        signal.connect(_work_out_again, sender=PhotoThresholds, dispatch_uid="photos.thresholds")


def _work_out_again(**_: Any) -> None:
    transaction.on_commit(partial(findings.begin_again, anew=True))
