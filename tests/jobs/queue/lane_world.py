"""What the tests of lanes and probes set up."""

from jobs.imaging.host import Pause
from jobs.imaging.host_limits import HostLimits
from jobs.models import ImageResult

HOST, OTHER = "photos.example:443", "other.example:443"


def urls(count, host="photos.example"):
    return [f"https://{host}/{number}.jpg" for number in range(count)]


def limits(*good, slots=16, **options):
    """Limits of hosts, those of `good` with all they may have."""
    made = HostLimits(slots, slots * 3 // 2, **options)
    for host in good:
        for image in range(-50, 0):
            made.begin(host, image, 0, leftover=True)
            made.fetched(host, image)
            made.finished(host, image, None, fetch_seconds=0.01, model_seconds=0.1)
    return made


def paused(*hosts, good=()):
    made = limits(*good)
    until = made._clock() + 60
    made.learn_pauses({host: Pause(until, until - 60, "http_503", "It refused.") for host in hosts})
    return made


def waiting(**lookup):
    return list(ImageResult.objects.filter(**lookup).order_by("rank", "id").values_list("waits_for", flat=True))
