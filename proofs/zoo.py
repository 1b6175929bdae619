"""Image files of every kind, good, cut, damaged, lying and hostile, and the result that each must have.

All are generated here, by Pillow or by hand, from a seed; none is stored as a file.
"""

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal

from PIL import Image

from proofs.pictures import Page, avif_of, chunk, gif_with, jpeg_with, png_with, segment, tiff_of, tiff_with

type Level = Literal["header", "complete", "decode"]
# A perimeter in pixels or an error code; several where the decoder may or may not find the damage.
type Expected = int | str | tuple[int | str, ...]
type Make = Callable[[Random], bytes]

LEVELS: tuple[Level, ...] = ("header", "complete", "decode")
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
SIZE = 300, 200
PERIMETER = 1000
BOMB_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Specimen:
    """One file. `framed`: HTTP has shown that it is complete, so that a missing end is damage of the file itself."""

    name: str
    make: Make
    complete: Expected
    header: Expected
    decode: Expected
    framed: bool = True

    def data(self, seed: int) -> bytes:
        return self.make(Random(f"{seed} {self.name}"))  # noqa: S311 - noise for pictures

    def expected(self, level: Level) -> tuple[int | str, ...]:
        """The correct outcomes at `level`."""
        outcome: Expected = getattr(self, level)
        return outcome if isinstance(outcome, tuple) else (outcome,)


def specimens() -> list[Specimen]:
    """All of them."""
    groups = (
        *(_every_format(), _kinds(), _sizes(), _layouts(), _extras()),
        *(_lies(), _bombs(), _floods(), _tails(), _strangers()),
    )
    return [specimen for group in groups for specimen in group]


def _file(
    name: str, make: Make | bytes, complete: Expected, *, header: Expected | None = None, decode: Expected | None = None
) -> Specimen:
    """A file with the same result at all levels, except where given."""
    if isinstance(make, bytes):
        data = make
        make = lambda _: data  # noqa: E731 - the shortest function there is
    header = complete if header is None else header
    return Specimen(name, make, complete, header, complete if decode is None else decode)


def _picture(
    random: Random, format_: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any
) -> bytes:
    """An image of noise, so that half of the file is not all of it."""
    width, height = size
    if frames := options.pop("frames", 0):
        options |= {"save_all": True, "append_images": [Image.new("RGB", size, (n, 2 * n, 0)) for n in range(frames)]}
    if orientation := options.pop("orientation", 0):
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = orientation
    if mode == "I;16":
        image = Image.frombytes(mode, size, random.randbytes(2 * width * height))
    else:
        image = Image.frombytes("L", size, random.randbytes(width * height)).convert(mode)
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def _every_format() -> Iterator[Specimen]:
    for format_ in FORMATS:
        whole = partial(_picture, format_=format_, mode="P" if format_ == "GIF" else "RGB")
        # The content of these two is read as soon as they are opened.
        seen_at_once = format_ in ("WEBP", "AVIF")
        yield _file(f"{format_}, whole", whole, PERIMETER)
        for name, cut in {"half": _half, "all but two bytes": _all_but_two, "the first 16 bytes": _beginning}.items():
            make = partial(_cut, whole, cut)
            # WEBP has its length at the beginning; AVIF's last bytes are pixels.
            lost = seen_at_once and (format_ == "WEBP" or cut is not _all_but_two)
            for framed, failure in ((False, "truncated"), (True, "corrupt_image")):
                header: Expected = failure if lost or cut is _beginning else PERIMETER
                how = "of declared length" if framed else "of unknown length"
                yield Specimen(f"{format_}, {name}, {how}", make, failure, header, failure, framed)
        damaged = partial(_damaged, whole)
        if format_ == "PNG":
            yield _file("PNG, damaged", damaged, "corrupt_image", header=PERIMETER)
        elif format_ in ("JPEG", "TIFF", "BMP"):
            yield _file(f"{format_}, damaged", damaged, PERIMETER)
        else:
            yield _file(f"{format_}, damaged", damaged, PERIMETER, decode=(PERIMETER, "corrupt_image"))


def _kinds() -> Iterator[Specimen]:
    kinds: dict[str, dict[str, Any]] = {
        "progressive": {"progressive": True},
        "gray": {"mode": "L"},
        "CMYK": {"mode": "CMYK"},
        "turned by Exif": {"orientation": 6},
        "with a profile of 200 kB": {"icc_profile": b"x" * 200_000},
        "with an end marker in a comment": {"comment": b"\xff\xd9"},
        "MPO": {"format_": "MPO", "frames": 1},
        "PNG with alpha": {"format_": "PNG", "mode": "RGBA"},
        "PNG with a palette": {"format_": "PNG", "mode": "P"},
        "PNG of 16 bits": {"format_": "PNG", "mode": "I;16"},
        "PNG of 1 bit": {"format_": "PNG", "mode": "1"},
        "PNG, animated": {"format_": "PNG", "frames": 3},
        "GIF, animated": {"format_": "GIF", "frames": 3},
        "GIF with a comment": {"format_": "GIF", "mode": "P", "comment": "b" * 600},
        "WEBP, lossless": {"format_": "WEBP", "lossless": True},
        "WEBP with alpha": {"format_": "WEBP", "mode": "RGBA"},
        "WEBP, animated": {"format_": "WEBP", "frames": 3},
        "WEBP turned by Exif": {"format_": "WEBP", "orientation": 6},
        "TIFF of three pages": {"format_": "TIFF", "frames": 3},
        "TIFF, LZW": {"format_": "TIFF", "compression": "tiff_lzw"},
        "TIFF, JPEG": {"format_": "TIFF", "compression": "jpeg"},
        "TIFF, fax": {"format_": "TIFF", "mode": "1", "compression": "group4"},
        "TIFF, CMYK": {"format_": "TIFF", "mode": "CMYK"},
        "TIFF of 16 bits": {"format_": "TIFF", "mode": "I;16"},
        "BigTIFF": {"format_": "TIFF", "big_tiff": True},
        "BMP with a palette": {"format_": "BMP", "mode": "P"},
        "BMP of 1 bit": {"format_": "BMP", "mode": "1"},
        "AVIF with alpha": {"format_": "AVIF", "mode": "RGBA"},
        "AVIF, animated": {"format_": "AVIF", "frames": 3},
    }
    for name, options in kinds.items():
        yield _file(name if "format_" in options else f"JPEG, {name}", partial(_picture, **options), PERIMETER)


def _sizes() -> Iterator[Specimen]:
    yield _file("1 x 1", partial(_picture, size=(1, 1)), 4)
    yield _file("1,000,000 x 1", _plain_png(1_000_000, 1), 2_000_002)
    yield _file("65,000 x 1", partial(_picture, mode="L", size=(65_000, 1)), 130_002)
    yield _file("8,000 x 8,000", _plain_png(8_000, 8_000), 32_000)
    yield _file("11,000 x 9,000", _plain_png(11_000, 9_000), 40_000, decode="too_many_pixels")
    yield _file("14,000 x 12,000", _plain_png(14_000, 12_000), 52_000, decode="too_many_pixels")


def _layouts() -> Iterator[Specimen]:
    """Files whose picture is in an unusual place."""
    for layout in ("in idat", "before meta", "in two boxes"):
        yield _file(f"AVIF, pixels {layout}", avif_of(layout, SIZE), PERIMETER)
    yield _file("TIFF with smaller copies inside", tiff_of(Page(SIZE, nested=(Page(tags={254: 1}),))), PERIMETER)
    yield _file("TIFF with a preview in front", tiff_of(Page(tags={254: 1}), Page(SIZE)), PERIMETER)
    yield _file("GIF without trailer", lambda random: _picture(random, "GIF", "P")[:-1], PERIMETER)


def _extras() -> Iterator[Specimen]:
    """Optional parts, large ones and damaged ones."""
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"x" * 65_000)
    yield _file("JPEG with 38 segments of XMP", jpeg_with(xmp * 38), 140)
    yield _file("JPEG with 400 Exif segments", jpeg_with(segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0") * 400), 140)
    yield _file("JPEG with a profile of 9 MB", partial(_picture, icc_profile=b"x" * 9_000_000), PERIMETER)
    yield _file("PNG with a chunk of 3 MB", png_with(chunk(b"teSt", b"x" * 3_000_000)), 140)
    for kind in (b"tEXt", b"iCCP", b"pHYs"):
        wrong = chunk(kind, b"a\0\0garbage")[:-1] + b"\0"
        yield _file(f"PNG with a false checksum of {kind.decode()}", png_with(wrong), 140)
    yield _file("GIF with a comment of 7 MB", gif_with(b"!\xfe" + (b"\xff" + b"x" * 255) * 30_000 + b"\0"), 140)
    yield _file("TIFF with a list of 2^32-1 numbers", tiff_with((700, 3, 2**32 - 1, 8)), 140)
    yield _file("TIFF whose description is lost", tiff_with((270, 2, 100, 10**8)), 140)
    yield _file("WEBP with Exif of 3 MB", partial(_picture, format_="WEBP", exif=b"x" * 3_000_000), PERIMETER)
    yield _file("AVIF with damaged Exif", _avif_with_damaged_exif, PERIMETER)


def _avif_with_damaged_exif(random: Random) -> bytes:
    return _picture(random, "AVIF", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0").replace(b"II*\0", b"\xff" * 4)


def _lies() -> Iterator[Specimen]:
    yield _file("PNG that says 2 x 2", png_with(width=2, height=2), 8, decode="corrupt_image")
    yield _file("PNG that says 400 x 300", png_with(width=400, height=300), 1400, decode="corrupt_image")
    yield _file("PNG without width", png_with(width=0, height=5), "corrupt_image")
    yield _file("JPEG that says 2 x 2", partial(_resized_jpeg, height=2, width=2), 8)
    yield _file("JPEG that says its height later", partial(_resized_jpeg, height=0, width=300), "unsupported_format")
    yield _file("GIF that says 2 x 2", partial(_patched, format_="GIF", at=6, data=b"\2\0\2\0"), (8, PERIMETER))
    header = partial(_patched, format_="PNG", at=29, data=b"\0\0\0\0")
    yield _file("PNG with a false header checksum", header, "corrupt_image")
    yield _file("PNG without its end", png_with()[:-12], "corrupt_image", header=140)
    yield _file("PNG without pixels", png_with()[:33] + png_with()[-12:], "corrupt_image", header=140)
    garbage = png_with()[:33] + chunk(b"IDAT", b"garbage") + png_with()[-12:]
    yield _file("PNG of garbage", garbage, 140, decode="corrupt_image")
    yield _file("GIF without a picture", b"GIF89a" + bytes(7) + b";", "corrupt_image")
    yield _file("JPEG of garbage", b"\xff\xd8\xff\xe0" + b"x" * 1000, "corrupt_image")
    yield _file("TIFF whose strips lie elsewhere", tiff_with((273, 4, 1, 10**9)), "corrupt_image", header=140)


def _bombs() -> Iterator[Specimen]:
    text = _bomb()
    texts = zlib.compress(b"a" * 1_000_000)
    too_many = {
        "PNG of 65,500 x 65,500": png_with(width=65_500, height=65_500),
        "PNG of 2^31-1 squared": png_with(width=2**31 - 1, height=2**31 - 1),
        "WEBP of 2^24 squared": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + b"\xff\xff\xff" * 2,
        "BMP of 2^31-1 squared": b"BM" + struct.pack("<LHHLLllHH", 54, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24),
        "TIFF of 2^31-1 squared": tiff_with((256, 4, 1, 2**31 - 1), (257, 4, 1, 2**31 - 1)),
    }
    for name, data in too_many.items():
        # Twenty-four bytes after a bitmap's size, which are not read.
        yield _file(name, data + bytes(24) * name.startswith("BMP"), "too_many_pixels")
    gif = partial(_patched, format_="GIF", at=6, data=b"\xff" * 4)
    yield _file("GIF of 65,535 x 65,535", gif, "too_many_pixels")
    jpeg = partial(_resized_jpeg, height=65_535, width=65_535)
    yield _file("JPEG of 65,535 x 65,535", jpeg, "too_many_pixels")
    yield _file("PNG with a text of 64 MB", png_with(chunk(b"zTXt", b"a\0\0" + text)), 140)
    yield _file("PNG with an international text of 64 MB", png_with(_itxt(text)), 140)
    yield _file("PNG with 60 texts of 1 MB", png_with(chunk(b"zTXt", b"a\0\0" + texts) * 60), 140)
    yield _file("PNG with a profile of 64 MB", png_with(chunk(b"iCCP", b"a\0\0" + text)), 140)


def _floods() -> Iterator[Specimen]:
    """Headers that are expensive to parse."""
    floods: dict[str, Callable[[], bytes]] = {
        "JPEG of 2,000,000 segments": lambda: jpeg_with(segment(0xE5, b"") * 2_000_000),
        "JPEG of 8 MB of fill bytes": lambda: jpeg_with(b"\xff" * 8_000_000),
        "JPEG of 8 MB of junk": lambda: jpeg_with(b"\xff\xc8" + b"x" * 8_000_000),
        "JPEG with 20 MB of tables": lambda: jpeg_with(segment(0xDB, (b"\0" + b"\1" * 64) * 1_000) * 300),
        "PNG of 200,000 chunks": lambda: png_with(chunk(b"teSt", b"") * 200_000),
        "PNG of a million pieces": lambda: png_with(chunk(b"IDAT", b"") * 1_000_000, after_header=False),
        "GIF of 300,000 comments": lambda: gif_with(b"!\xfe\0" * 300_000),
        "GIF with a comment of 23 MB": lambda: gif_with(b"!\xfe" + (b"\xff" + b"x" * 255) * 90_000 + b"\0"),
        "TIFF of 60,000 entries": lambda: tiff_with(*((1000 + n, 3, 1, 0) for n in range(60_000))),
        "BigTIFF of a million entries": lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 10**6) + bytes(20 * 10**6),
        "TIFF with a palette of 2^32-1 numbers": lambda: tiff_with((320, 3, 2**32 - 1, 8)),
        "AVIF of 3,000,000 boxes": lambda: b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x08free" * 3_000_000,
    }
    for name, build in floods.items():
        yield _file(name, lambda _, build=build: build(), "header_too_complex")  # type: ignore[misc]


def _tails() -> Iterator[Specimen]:
    archive = b"PK\x03\x04" + bytes(1000)
    tails = {
        "an archive": archive,
        "a page": b"<script>alert(1)</script>",
        "a motion photo's video": b"\0\0\0\x18ftypmp42" + bytes(range(250)) * 2000,
        "zeros": bytes(100_000),
    }
    for name, tail in tails.items():
        yield _file(f"JPEG and {name}", lambda random, tail=tail: _picture(random) + tail, PERIMETER)  # type: ignore[misc]
    yield _file("JPEG and half a JPEG", lambda random: _picture(random) + _picture(random)[:-5000], PERIMETER)
    for format_ in FORMATS[1:]:
        make = partial(_with_tail, format_=format_, tail=archive)
        yield _file(f"{format_} and an archive", make, PERIMETER)
    for format_ in FORMATS:
        make = partial(_with_tail, format_=format_, tail=bytes(16))
        yield _file(f"{format_} and sixteen zeros", make, PERIMETER)
    yield _file("JPEG with a page in a comment", partial(_picture, comment=b"<html>*/alert(1)/*"), PERIMETER)


def _strangers() -> Iterator[Specimen]:
    """Files that are not images, or of unsupported formats."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    entity = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
    files: Mapping[str, bytes] = {
        "nothing": b"",
        "one byte": b"\xff",
        "a JPEG's first two bytes": b"\xff\xd8",
        "a page": b"<!DOCTYPE html><title>Not found</title>",
        "plain text": b"Not found\n" * 100,
        "a sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(100),
        "an archive": b"PK\x03\x04" + bytes(1000),
        "compressed": zlib.compress(bytes(1000)),
        "a million zeros": bytes(1_000_000),
        "TGA": bytes(18) + b"TRUEVISION-XFILE.\0",
    }
    for name, data in files.items():
        yield _file(name, data, "not_an_image")
    others: Mapping[str, bytes] = {
        "SVG": svg,
        "SVG that reads a file": entity,
        "PDF": b"%PDF-1.7\n" + bytes(100),
        "PDF with a JPEG in it": b"%PDF-1.7\nstream\n" + jpeg_with(),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "Photoshop": b"8BPS\0\1" + bytes(100),
        "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "JPEG XL": b"\0\0\0\x0cJXL \r\n\x87\n",
        "MP4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        "QuickTime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(100),
        "AVI": b"RIFF\x24\0\0\0AVI LIST" + bytes(100),
        "WebM": b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(100),
        "DNG": tiff_of(Page(tags={254: 1, 50706: b"\1\4\0\0"}, nested=(Page(SIZE, {262: 32803}),))),
        "NEF": tiff_of(Page(tags={254: 1, 271: "NIKON"}, nested=(Page(SIZE),)), order=">"),
        "CR2": tiff_of(Page(tags={271: "Canon"}), mark=b"CR\2\0\0\0\0\0"),
        "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    }
    for name, data in others.items():
        yield _file(name, data, "unsupported_format")
    for format_ in ("ICO", "ICNS", "PPM", "DDS", "JPEG2000"):
        make = partial(_picture, format_=format_, size=(16, 16))
        yield _file(format_, make, "unsupported_format")


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _all_but_two(data: bytes) -> bytes:
    return data[:-2]


def _beginning(data: bytes) -> bytes:
    return data[:16]


def _cut(whole: Make, cut: Callable[[bytes], bytes], random: Random) -> bytes:
    return cut(whole(random))


def _damaged(whole: Make, random: Random) -> bytes:
    """Eight bytes in the middle of the pixels overwritten."""
    data = bytearray(whole(random))
    middle = len(data) * 3 // 4
    data[middle : middle + 8] = bytes(8)
    return bytes(data)


def _patched(random: Random, format_: str, at: int, data: bytes) -> bytes:
    whole = _picture(random, format_, "P" if format_ == "GIF" else "RGB")
    return whole[:at] + data + whole[at + len(data) :]


def _with_tail(random: Random, format_: str, tail: bytes) -> bytes:
    return _picture(random, format_) + tail


def _resized_jpeg(random: Random, height: int, width: int) -> bytes:
    """A JPEG with a false size in its frame header."""
    data = _picture(random)
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def _plain_png(width: int, height: int) -> Make:
    """A black PNG with one bit a pixel: complete, and a small file for its size."""

    def make(_: Random) -> bytes:
        packer = zlib.compressobj()
        row = bytes(1 + (width + 7) // 8)
        pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
        header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    return make


def _bomb() -> bytes:
    packer = zlib.compressobj(1)
    piece = b"a" * 1_000_000
    return b"".join(packer.compress(piece) for _ in range(BOMB_BYTES // len(piece))) + packer.flush()


def _itxt(text: bytes) -> bytes:
    return chunk(b"iTXt", b"a\0\1\0\0\0" + text)
