"""The order of the queue: a ready image's `rank`, in seconds; the lowest is claimed first.

Owners share the worker slots by start-time fair queueing (Goyal, Vin and Cheng, 1996): what comes begins where the line
is at that moment, and the images of an owner queue behind one another. So a large backlog does not delay the jobs of
others that arrive later, and later arrivals do not overtake what has waited. All of it is decided when images arrive; a
claim only takes the first ones.

Where nothing waits, the line is at the present time, in seconds since 1970; it moves on as its images are claimed.
"""

from jobs.models.front import Front

# Between one job's images the turns of other owners pass: each image queues one second behind the one before it, in the
# order of `submission/turns.py`, so ten images sent after ten thousand are done in seconds. Where its owner has more
# jobs, it is as many seconds as those are, so that a thousand jobs get little more than one: the sum of 1/n.
SECONDS_BETWEEN_IMAGES = 1.0
# An image that its host has refused goes this far behind what would have come after it: the image may be the cause.
BEHIND_SECONDS = 60.0
# One step of priority is worth an hour of waiting.
SECONDS_PER_PRIORITY = 3600.0


def beginning(front: Front, priority: int) -> float:
    """Where a job of this priority begins that comes now: the rank that its first image would have with priority 0."""
    if front.rank is None:
        return front.now.timestamp()
    without = front.rank + front.priority * SECONDS_PER_PRIORITY
    if front.priority <= priority:
        return without
    # The first in line has passed the others of this priority. They stand where the line was when that job began, if
    # they have not been reached since.
    return max(
        without - front.finished * SECONDS_BETWEEN_IMAGES,
        front.rank + priority * SECONDS_PER_PRIORITY,
    )
