"""Rows and values that many tests start from."""

import os
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now

from access.models import Team
from access.roles import RoleName, give_role
from jobs.errors import ImageError
from jobs.imaging.types import Claim, Evidence, Measurement, Outcome
from jobs.models import ImageResult, Job, PausedHost, Worker
from jobs.states import OnError
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from stores.models import Store

KNOWN_STORE = "T-1"


def make_stores(*store_ids: str) -> None:
    Store.objects.bulk_create(
        (Store(store_id=store_id, name=f"Shop {store_id}", area_code="A-1") for store_id in store_ids),
        ignore_conflicts=True,
    )


def allow(user: User, *codenames: str) -> User:
    """The user, with these permissions of Django's; read again, because a user remembers what it was allowed."""
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return User.objects.get(pk=user.pk)


def make_staff(*codenames: str, name: str = "chief") -> User:
    """A member of the staff with these permissions and no others."""
    return allow(User.objects.create_user(name, is_staff=True), *codenames)


def make_role(role: RoleName) -> User:
    """Somebody with this role, named after it."""
    user = User.objects.create_user(str(role))
    give_role(user, role)
    return User.objects.get(pk=user.pk)


def make_teammate(*of: str, name: str = "mate") -> User:
    """Somebody in a team with the users of these names."""
    user = User.objects.create_user(name)
    team = Team.objects.create(name=f"team of {name}")
    team.change_members(add=[user, *User.objects.filter(username__in=of)])
    return user


def submit_job(
    urls: Sequence[str] | int = 1,
    *,
    store_id: str = KNOWN_STORE,
    on_error: OnError = OnError.CONTINUE,
    priority: int = 0,
    owner: User | None = None,
) -> Job:
    """A job of one visit, with these URLs or that many invented ones."""
    if isinstance(urls, int):
        urls = [f"http://images.test/{number}.jpg" for number in range(urls)]
    return submit_visits((store_id, urls), on_error=on_error, priority=priority, owner=owner)


def submit_visits(
    *visits: tuple[str, Sequence[str]],
    on_error: OnError = OnError.CONTINUE,
    priority: int = 0,
    owner: User | None = None,
) -> Job:
    make_stores(KNOWN_STORE)
    payload = [VisitPayload(store_id, "time of store visit", None, urls) for store_id, urls in visits]
    return Job.objects.get(pk=submit(payload, on_error=on_error, priority=priority, owner=owner).job_id)


def make_worker() -> int:
    """A worker's row without its heartbeat: alive by its lease, dead by its lock."""
    return Worker.objects.create(host="test", pid=os.getpid(), seats=4).pk


def success(claim: Claim, width: int = 640, height: int = 480) -> Outcome:
    return Outcome(claim, Evidence(http_status=200, bytes=1000), Measurement(width, height, "JPEG"))


def failure(claim: Claim, error: ImageError) -> Outcome:
    return Outcome(claim, Evidence(), error=error)


def states(job: Job) -> list[str]:
    """The states of the job's images in submission order."""
    return list(ImageResult.objects.filter(job=job).order_by("id").values_list("state", flat=True))


def ready() -> int:
    """How many images a worker may claim now."""
    return ImageResult.objects.pending().filter(run_after=None, held=False).count()


def look(job: Job) -> Job:
    """The job as it is now, with the number of its running images."""
    return Job.objects.with_running().get(pk=job.pk)


def pause_host(name: str, code: str = "http_503", seconds: float = 30) -> PausedHost:
    """A host that is paused for `seconds`; negative if its pause is over."""
    message = "The server answered 503 instead of 200."
    span = timedelta(seconds=seconds)
    PausedHost.objects.create(name=name, code=code, message=message, since=Now(), until=Now() + span)
    return PausedHost.objects.get(name=name)


def defer(job: Job, host: str, count: int | None = None) -> None:
    """Let `count` of the job's ready images, or all of them, wait in the lane of a host."""
    ready = ImageResult.objects.pending().filter(job=job, waits_for="").order_by("pk")
    chosen = list(ready.values_list("pk", flat=True)[:count])
    ImageResult.objects.filter(pk__in=chosen).update(waits_for=host)


def no_thread(*_: object, **__: object) -> None:
    """In place of `Thread.start`, on a machine that has no more threads."""
    raise RuntimeError("can't start new thread")
