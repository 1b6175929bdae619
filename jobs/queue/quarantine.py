"""How an image that kills its process is told from those that happened to be in hand beside it."""

import sys


def company(crashes: int, seats: int) -> int:
    """How many images may be in hand together where one of them has crashed so often.

    A crash accuses every image in hand, and one accuses nobody: kills and power failures hit healthy images.
    From the second on, the accused are tried in groups of an eighth, then of an eighth of that, at last alone. So
    only the guilty one crashes again, and the others have it behind them long before MAX_CRASHES.
    """
    return max(1, seats >> 3 * (crashes - 1)) if crashes > 1 else sys.maxsize
