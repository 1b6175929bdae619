"""A hash that stays nearly the same when a photo is encoded anew, made smaller or made brighter.

Of a picture drawn as 9 x 8 and as 8 x 9 grays, each bit says whether a gray is darker than its neighbour to the right,
and below: 64 bits each. Krawetz, "Kind of Like That" (2013), in both directions. Mirrored or much cropped photos have
another hash.
"""

from dataclasses import dataclass

from PIL import Image

SIDE = 8


@dataclass(frozen=True, slots=True)
class DifferenceHash:
    """Two signed numbers of 64 bits, as a bigint of PostgreSQL holds them."""

    rows: int
    columns: int


def difference_hash(gray: Image.Image) -> DifferenceHash:
    """Of a picture in gray (mode L), of any size."""
    wide = gray.resize((SIDE + 1, SIDE), Image.Resampling.BOX).tobytes()
    high = gray.resize((SIDE, SIDE + 1), Image.Resampling.BOX).tobytes()
    rows = columns = 0
    for place in range(SIDE * SIDE):
        at = place + place // SIDE
        rows = rows << 1 | (wide[at] < wide[at + 1])
        columns = columns << 1 | (high[place] < high[place + SIDE])
    return DifferenceHash(_signed(rows), _signed(columns))


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits
