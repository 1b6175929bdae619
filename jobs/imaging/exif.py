"""What a camera says of a photo in its Exif: when it was taken, by which camera, and where.

Exif 2.32 (CIPA DC-008), which is a TIFF within a JPEG, PNG or WebP; of other formats none is read. Only the fields that
are wanted are looked at, so that neither a hostile nor a damaged one costs more than some microseconds, and no pixel is
decoded.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

MAX_CAMERA = 100
# A JPEG's segment holds no more; what other formats hold beyond it is thumbnails.
MAX_EXIF_BYTES = 2**16
# Segments or chunks before it, and fields of one directory; cameras write some dozens.
_MOST_PARTS, _MOST_FIELDS = 2_000, 500
_LONGEST_TEXT = 200

_MAKE, _MODEL, _EXIF, _GPS = 0x010F, 0x0110, 0x8769, 0x8825
_TAKEN, _DIGITIZED, _TAKEN_OFFSET, _DIGITIZED_OFFSET = 0x9003, 0x9004, 0x9011, 0x9012
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_ASCII, _SHORT, _LONG, _RATIONAL = 2, 3, 4, 5
_SIZES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8}

_TIME = re.compile(r"([12][0-9]{3}):([0-9]{2}):([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
# Clocks of cameras that were never set.
_FIRST_YEAR = 2000
_MOST_OFFSET = 14 * 60


@dataclass(frozen=True, slots=True)
class Exif:
    """None, or empty, is what is not said, or cannot be right."""

    taken_at: datetime | None = None
    """An instant where the camera names its offset; else what its clock showed, written as UTC."""
    offset: int | None = None
    """Of the camera's clock from UTC, in minutes."""
    camera: str = ""
    """Maker and model."""
    latitude: float | None = None
    longitude: float | None = None


def read_exif(file: IO[bytes], format_: str) -> Exif:
    """Of a file in this format, by Pillow's name. Raises struct.error and ValueError where it is damaged."""
    find = _FINDERS.get(format_)
    data = find(file)[:MAX_EXIF_BYTES] if find else b""
    return parse_exif(data.removeprefix(b"Exif\0\0")) if data else Exif()


def parse_exif(data: bytes) -> Exif:
    """Of the TIFF that Exif is. Raises struct.error and ValueError where it is damaged."""
    tiff = _Tiff(data)
    main = tiff.fields(tiff.number("I", 4))
    shot = tiff.fields(main.pointer(_EXIF)) if _EXIF in main else _Fields(tiff, {})
    place = tiff.fields(main.pointer(_GPS)) if _GPS in main else _Fields(tiff, {})
    taken_at, offset = _taken(shot)
    latitude, longitude = _position(place)
    return Exif(taken_at, offset, _camera(main.text(_MAKE), main.text(_MODEL)), latitude, longitude)


class _Tiff:
    def __init__(self, data: bytes) -> None:
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
        if order is None:
            raise ValueError("no TIFF")
        self.order, self.data = order, data

    def number(self, form: str, place: int) -> int:
        (value,) = struct.unpack_from(f"{self.order}{form}", self.data, place)
        return int(value)

    def fields(self, place: int) -> "_Fields":
        """Type, count and place of the fields of the directory there, by tag."""
        found: dict[int, tuple[int, int, int]] = {}
        for number in range(min(self.number("H", place), _MOST_FIELDS)):
            entry = place + 2 + 12 * number
            tag, kind, count = struct.unpack_from(f"{self.order}HHI", self.data, entry)
            size = _SIZES.get(kind, 0) * count
            found[tag] = kind, count, entry + 8 if size <= 4 else self.number("I", entry + 8)
        return _Fields(self, found)


class _Fields:
    """Of one directory; what is of another type than Exif says is not there."""

    def __init__(self, tiff: _Tiff, found: dict[int, tuple[int, int, int]]) -> None:
        self._tiff = tiff
        self._found = found

    def __contains__(self, tag: int) -> bool:
        return tag in self._found

    def pointer(self, tag: int) -> int:
        return self._tiff.number("I", self._found[tag][2])

    def text(self, tag: int) -> str:
        kind, count, place = self._found.get(tag, (0, 0, 0))
        if kind != _ASCII:
            return ""
        data = self._tiff.data[place : place + min(count, _LONGEST_TEXT)].split(b"\0")[0]
        return "".join(each for each in data.decode("ascii", "replace") if each.isprintable()).strip()

    def rationals(self, tag: int, number: int) -> list[float]:
        """Empty where one of them is no number."""
        kind, count, place = self._found.get(tag, (0, 0, 0))
        if (kind, count) != (_RATIONAL, number):
            return []
        parts = struct.unpack_from(f"{self._tiff.order}{2 * number}I", self._tiff.data, place)
        if not all(parts[1::2]):
            return []
        return [above / below for above, below in zip(parts[::2], parts[1::2], strict=True)]


def _taken(fields: _Fields) -> tuple[datetime | None, int | None]:
    for at, offset_at in ((_TAKEN, _TAKEN_OFFSET), (_DIGITIZED, _DIGITIZED_OFFSET)):
        if match := _TIME.fullmatch(fields.text(at)):
            try:
                taken = datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
            except ValueError:
                continue
            if taken.year >= _FIRST_YEAR:
                offset = _offset(fields.text(offset_at))
                return taken - timedelta(minutes=offset or 0), offset
    return None, None


def _offset(text: str) -> int | None:
    if match := _OFFSET.fullmatch(text):
        minutes = int(match[2]) * 60 + int(match[3])
        if minutes <= _MOST_OFFSET:
            return -minutes if match[1] == "-" else minutes
    return None


def _position(fields: _Fields) -> tuple[float | None, float | None]:
    """In degrees north and east. A camera that does not know where it is may write that it is at 0, 0."""
    latitude = _degrees(fields.rationals(_LATITUDE, 3), fields.text(_LATITUDE_REF), "NS", 90)
    longitude = _degrees(fields.rationals(_LONGITUDE, 3), fields.text(_LONGITUDE_REF), "EW", 180)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None, None
    return latitude, longitude


def _degrees(parts: list[float], reference: str, signs: str, most: float) -> float | None:
    if not parts or len(reference) != 1 or reference not in signs:
        return None
    value = parts[0] + parts[1] / 60 + parts[2] / 3600
    if value > most:
        return None
    return -value if reference == signs[1] else value


def _camera(make: str, model: str) -> str:
    # Many models begin with their maker.
    both = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return both.strip()[:MAX_CAMERA]


def _of_jpeg(file: IO[bytes]) -> bytes:
    for marker, place, length in _segments(file):
        if marker == 0xE1 and length >= 6:
            file.seek(place)
            if file.read(6) == b"Exif\0\0":
                return file.read(length - 6)
    return b""


def _segments(file: IO[bytes]) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of what each segment holds, up to the first scan."""
    place = 2
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xDA, 0xD9):
            return
        if head[1] == 0xFF:
            place += 1
            continue
        length = int.from_bytes(head[2:])
        yield head[1], place + 4, length - 2
        place += 2 + max(2, length)


def _of_png(file: IO[bytes]) -> bytes:
    """Before the pixels, where encoders write it."""
    place = 8
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            return b""
        if head[4:] == b"eXIf":
            return file.read(min(int.from_bytes(head[:4]), MAX_EXIF_BYTES))
        place += 12 + int.from_bytes(head[:4])
    return b""


def _of_webp(file: IO[bytes]) -> bytes:
    place = 12
    for _ in range(_MOST_PARTS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return b""
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            return file.read(min(length, MAX_EXIF_BYTES))
        place += 8 + length + length % 2
    return b""


# A phone's MPO begins as a JPEG.
_FINDERS: dict[str, Callable[[IO[bytes]], bytes]] = {
    "JPEG": _of_jpeg,
    "MPO": _of_jpeg,
    "PNG": _of_png,
    "WEBP": _of_webp,
}
