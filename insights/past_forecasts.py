"""What would have been forecast of a job that has ended, had somebody asked at each of STAGES."""

import math
from bisect import bisect_right
from collections.abc import Sequence

from insights.forecast_ranges import STAGES
from jobs.reporting.throughput import FEWEST_IMAGES, WINDOW_SECONDS


def at_stages(
    times: Sequence[float], total: int, unprocessed: int, every: int = 1
) -> tuple[list[float | None], list[float | None]]:
    """What would have been forecast at each stage of a job that has ended, and how long it took from there, in seconds.

    `times` are those in order at which processed images became final, in seconds, every one of them or each `every`th;
    `unprocessed` images of the `total` were final without having been tried. None where there was no forecast.
    """
    forecasts: list[float | None] = []
    rests: list[float | None] = []
    for stage in STAGES:
        forecast, rest = _at(times, math.ceil(total * stage / 100) - unprocessed, total - unprocessed, every)
        forecasts.append(forecast)
        rests.append(rest)
    return forecasts, rests


def _at(times: Sequence[float], done: int, of: int, every: int) -> tuple[float | None, float | None]:
    """Once `done` of the images have been processed."""
    place = min(done // every, len(times))
    if place < 1 or done >= of:
        return None, None
    now = times[place - 1]
    first = bisect_right(times, now - WINDOW_SECONDS, 0, place)
    recent = (place - first) * every
    if recent < FEWEST_IMAGES:
        return None, None
    # As in `throughput.paces`.
    return (of - done) * max(now - times[first], 1.0) / recent, times[-1] - now
