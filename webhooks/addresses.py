"""Which addresses may be told."""

from django.conf import settings

from jobs.imaging.guard import Guard


def guard() -> Guard:
    """By settings of their own: a POST may change something where a download is harmless."""
    return Guard(settings.WEBHOOK_ALLOW_CIDRS, settings.WEBHOOK_ALLOW_PORTS, does=("sends to", "does not send to"))
