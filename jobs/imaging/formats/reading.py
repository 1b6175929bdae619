"""What the walks through all formats share: reading exactly, and the limit on their work."""

from jobs import errors

# Cameras and editors write a few dozen parts before the picture; a colour profile or an XMP packet takes some hundreds.
# Skipping a part takes about a microsecond, however long it is: so their number is bounded, not their bytes.
MAX_PARTS = 2_000


def exactly(data: bytes, count: int) -> bytes:
    """`data`, which was read as `count` bytes; raises EOFError where the file ends before."""
    if len(data) < count:
        raise EOFError
    return data


def too_complex(format_: str, parts: str, limit: int = MAX_PARTS) -> errors.HeaderTooComplex:
    return errors.HeaderTooComplex(f"The {format_} has more than {limit:,} {parts}.")
