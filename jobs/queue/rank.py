"""The order of the queue: a ready image's `rank`, in seconds since 1970; the lowest is claimed first."""

# Between one job's images the turns of other jobs pass: each image queues one second behind the one before it, in the
# order of `submission/turns.py`, so ten images sent after ten thousand are done in seconds.
SECONDS_BETWEEN_IMAGES = 1.0
# An image that its host has refused goes this far behind what would have come after it: the image may be the cause.
BEHIND_SECONDS = 60.0
# One step of priority is worth an hour of waiting.
SECONDS_PER_PRIORITY = 3600.0
