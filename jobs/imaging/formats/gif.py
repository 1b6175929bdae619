"""GIF: the first frame is the picture."""

from typing import IO

from jobs.imaging.formats.picture import Ending, Picture
from jobs.imaging.formats.reading import MAX_PARTS, exactly, too_complex

# A sub-block holds at most 255 bytes; in a comment or a profile before the picture, this allows 16 MB.
MAX_SUB_BLOCKS_BEFORE = 2**16
# Of a whole animation.
MAX_SUB_BLOCKS = 2**20
MAX_BLOCKS = 2**15
_LEAST_READ, _MOST_READ = 2**10, 2**18
_FULL = 255


class _SubBlocks:
    """Skips chains of sub-blocks, each a length and so many bytes, up to the empty one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def skip(self, place: int, limit: int) -> int:
        """The place behind the chain that begins at `place`; raises EOFError and HeaderTooComplex."""
        read = _LEAST_READ
        while True:
            self._file.seek(place)
            piece = exactly(self._file.read(read), 1)
            read = min(4 * read, _MOST_READ)
            at, size = 0, len(piece)
            while at < size:
                length = piece[at]
                if not length:
                    return place + at + 1
                if length == _FULL:  # usually many in a row, each with its length 256 bytes behind the last
                    lengths = piece[at :: _FULL + 1]
                    full = len(lengths) - len(lengths.lstrip(bytes((_FULL,))))
                else:
                    full = 1
                at += full * (length + 1)
                self.count += full
                if self.count > limit:
                    raise too_complex("GIF", "blocks of data", limit)
            place += at


def walk(file: IO[bytes], size: int, picture: Picture) -> Ending:
    """Blocks up to the trailer; whatever follows it does not belong to the GIF."""
    flags = exactly(file.read(13), 13)[10]
    place = 13 + _palette(flags)
    picture.keep(0, place)
    blocks = _SubBlocks(file)
    frames = 0
    for count in range(MAX_BLOCKS):
        file.seek(place)
        introducer = file.read(1)
        if introducer == b";":
            return Ending.WHOLE
        if introducer == b"!":
            place = blocks.skip(place + 2, MAX_SUB_BLOCKS if frames else MAX_SUB_BLOCKS_BEFORE)
        elif introducer == b",":
            # Ten bytes of descriptor, the frame's own palette, one byte for the decoder.
            descriptor = exactly(file.read(9), 9)
            if not frames:
                picture.keep(place, size)
            place = blocks.skip(place + 11 + _palette(descriptor[8]), MAX_SUB_BLOCKS)
            frames += 1
        elif frames and introducer != b"\0":
            return Ending.UNMARKED
        else:
            exactly(introducer, 1)  # junk, which Pillow also skips; some encoders end a chain twice
            padding = file.read(_LEAST_READ)
            place += 1 + len(padding) - len(padding.lstrip(b"\0"))
        if not frames and count >= MAX_PARTS:
            raise too_complex("GIF", "blocks before its first picture")
    raise too_complex("GIF", "blocks", MAX_BLOCKS)


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
