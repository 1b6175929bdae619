from datetime import timedelta
from itertools import count

from django.db import connection
from django.db.models import F
from django.utils import timezone

from insights import refresh
from insights.audit import DAYS, SUMMARIES
from insights.models import Refreshed, VisitSummary
from jobs import errors, queue
from jobs.models import ImageResult, Job
from tests.factories import failure, make_worker, submit_visits, success

_numbers = count()


def urls(number, host="images.test"):
    return [f"http://{host}/{next(_numbers)}.jpg" for _ in range(number)]


def finish_visits(*visits, bad=0, error=None, owner=None, host="images.test", on_error="continue"):
    """A job of visits (store id, number of images) that has ended; its first `bad` images failed."""
    job = submit_visits(*[(store, urls(number, host)) for store, number in visits], owner=owner, on_error=on_error)
    work(bad, error)
    return Job.objects.get(pk=job.pk)


def work(bad=0, error=None, limit=100):
    """Finish what is ready, the first `bad` with an error."""
    worker = make_worker()
    claims = queue.claim(worker, limit=limit)
    outcomes = [failure(claim, error or errors.NotAnImage()) for claim in claims[:bad]]
    queue.record(worker, [*outcomes, *map(success, claims[bad:])])


def sums(**filters):
    """(images, completed, failed, unprocessed) of each summary in the order of their visits."""
    rows = VisitSummary.objects.filter(**filters).order_by("pk")
    return list(rows.values_list("images", "completed", "failed", "unprocessed"))


def refreshed():
    """Refresh, and the sums."""
    refresh.refresh()
    return sums()


def wrong():
    """What an audit finds, also of what ended just now."""
    ahead = timedelta(seconds=refresh.OVERLAP_SECONDS + 1)
    Refreshed.objects.update(mark=F("mark") + ahead)
    with connection.cursor() as cursor:
        found = []
        for check in (SUMMARIES, DAYS):
            cursor.execute(check.broken)
            found += cursor.fetchall()
    Refreshed.objects.update(mark=F("mark") - ahead)
    return found


def forge(change):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE insights_visitsummary SET {change}")


def end_at(images, *instants):
    """Let the images, in the order of their ids, have ended at these instants, the last one for the rest."""
    with connection.cursor() as cursor:
        # Without the trigger that keeps final images as they are.
        cursor.execute("SET session_replication_role = replica")
    for place, pk in enumerate(images.order_by("pk").values_list("pk", flat=True)):
        ImageResult.objects.filter(pk=pk).update(finished_at=instants[min(place, len(instants) - 1)])
    with connection.cursor() as cursor:
        cursor.execute("RESET session_replication_role")


def spread_ends():
    """Let the images end a second after each other, the last one a second ago."""
    images, now = ImageResult.objects.all(), timezone.now()
    end_at(images, *(now - timedelta(seconds=ago) for ago in range(images.count(), 0, -1)))
