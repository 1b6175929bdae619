"""In which order a job's images have their turn: all of its areas move at the same fraction.

First come, first served, the area that is listed last would only begin once all others are done. So the images of an
area are spread evenly over the whole job: of `n` images in an area, the one with index `k` stands at (k + 1/2) / n of
the way. Where `m` areas have `n` images each, those of the area with index `i` stand at (k + (i + 1/2) / m) / n:
together they are as even as one area of m · n images, and a thousand areas of one image each are not all in the middle.
What follows is the order of these fractions, one image after the other, so that to other jobs this job looks the same
whatever its areas are. At any moment each area is done to the job's own fraction, give or take one image.
"""

from collections import Counter
from collections.abc import Mapping, Sequence


def places(areas: Sequence[str | None], weights: Mapping[str | None, float]) -> Sequence[int]:
    """The place of each image in the order of turns, from 0, by its area; images of one area keep their order.

    `weights` by area: one of weight 2 moves twice as fast as one of weight 1, which is what areas have that are not
    mentioned. Of equal fractions the image that comes first goes first.
    """
    images = Counter(areas)
    if len(images) < 2:
        return range(len(areas))
    step = {area: 1 / (number * weights.get(area, 1.0)) for area, number in images.items()}
    alike, before = Counter(step.values()), Counter[float]()
    at = {}
    for area, each in step.items():
        at[area] = each * (before[each] + 0.5) / alike[each]
        before[each] += 1
    fractions = []
    for area in areas:
        fraction = at[area]
        fractions.append(fraction)
        at[area] = fraction + step[area]
    found = [0] * len(areas)
    # Sorted by the images' numbers, so that equal fractions keep their order.
    for place, image in enumerate(sorted(range(len(areas)), key=fractions.__getitem__)):
        found[image] = place
    return found
