"""How long an image waits before its next attempt."""

import random


def full_jitter(attempts: int, base_seconds: float, max_seconds: float, retry_after: float | None = None) -> float:
    """Seconds to wait after `attempts` finished attempts (1 or more).

    Uniform between 0 and `base * 2 ** (attempts - 1)`, capped at `max_seconds`: "full jitter" of
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. A server's `Retry-After` is a
    floor, honoured up to the same cap, so that no host can park an image for a day.
    """
    # 2 ** 30 seconds exceeds every cap; a larger exponent would only overflow the float.
    ceiling = min(max_seconds, base_seconds * 2 ** min(attempts - 1, 30))
    wait = random.uniform(0, ceiling)  # noqa: S311 - spreads load, protects nothing
    if retry_after is not None:
        wait = max(wait, min(retry_after, max_seconds))
    return wait
