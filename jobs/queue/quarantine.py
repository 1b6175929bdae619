"""How a poison pill, an image that kills its process, is distinguished from the images that were in flight with it."""

import sys


def batch_size(crashes: int, slots: int) -> int:
    """The largest quarantine batch: how many images may be in flight together where one of them has crashed so often.

    A crash makes every image in flight a suspect, and one crash alone proves nothing: kills and power failures hit
    healthy images. From the second on, the suspects are tried in batches of an eighth of the worker slots, then of an
    eighth of that, at last alone. So only the poison pill crashes again, and the others are done long before
    MAX_CRASHES.
    """
    return max(1, slots >> 3 * (crashes - 1)) if crashes > 1 else sys.maxsize
