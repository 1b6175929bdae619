"""Which events there are, in words."""

from django.db.models import TextChoices


class EventType(TextChoices):
    """The names are part of the API: clients ask for them and tell events apart by them."""

    JOB_STARTED = "job.started", "A job's first outcome has come in."
    JOB_PROGRESS = "job.progress", "25, 50 or 75 % of a job's images are final."
    JOB_ENDED = "job.ended", "All images of a job are final."
    IMAGE_FAILED = "image.failed", "Images have failed for good, several in one event."
    STORES_IMPORTED = "stores.imported", "An import has changed the store master."
    ALERT_OPENED = "alert.opened", "A rule has raised an alert."
    TEST = "webhook.test", "Sent on request, to see whether the endpoint answers."


# What an endpoint may ask for; a test reaches every endpoint.
SUBSCRIBABLE = [event for event in EventType if event is not EventType.TEST]
