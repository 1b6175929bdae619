"""Are raw files of cameras refused by name, and never measured by their preview, while ordinary TIFFs pass?"""

import io
import time

import pytest

from jobs import errors
from jobs.imaging.measure import measure
from proofs.pictures import Field, Page, box, encoded, tiff_of, tiff_with

LARGE, SMALL = (400, 300), (40, 30)
type Tags = dict[int, Field]
REDUCED: Tags = {254: 1}
FILTERED: Tags = {262: 32803}
LINEAR: Tags = {262: 34892}
DNG_VERSION: Tags = {50706: b"\1\4\0\0"}
MAKE = 271
DEVELOPED: Tags = {MAKE: "Canon", 274: 6, 330: 10**9}


def measured(data: bytes, framed: bool = True, check: str = "complete"):
    return measure(io.BytesIO(data), framed=framed, check=check, max_pixels=500_000_000)


def preview(make: str, **more) -> Page:
    return Page(SMALL, REDUCED | {MAKE: make}, **more)


RAW = {
    "DNG": tiff_of(Page(SMALL, REDUCED | DNG_VERSION, (Page(LARGE, FILTERED), Page(LARGE, REDUCED)))),
    "DNG of linear colours": tiff_of(Page(LARGE, LINEAR | DNG_VERSION)),
    "DNG whose first directory is large": tiff_of(Page(LARGE, DNG_VERSION)),
    "DNG of a phone, big-endian": tiff_of(Page(SMALL, REDUCED | DNG_VERSION, (Page(LARGE, FILTERED),)), order=">"),
    "NEF": tiff_of(preview("NIKON CORPORATION", nested=(Page(LARGE, REDUCED), Page(LARGE, FILTERED | {259: 34713})))),
    "NRW": tiff_of(preview("NIKON", nested=(Page(LARGE, FILTERED),)), order=">"),
    "CR2": tiff_of(Page(SMALL, {MAKE: "Canon"}), Page(SMALL), mark=b"CR\2\0\0\0\0\0"),
    "CR2 without its mark": tiff_of(Page(SMALL, {MAKE: "Canon"}), Page(LARGE, {50656: b"\1\2\3\4"})),
    "ARW": tiff_of(preview("SONY", nested=(Page(LARGE, FILTERED | {259: 32767}),)), Page(SMALL, REDUCED)),
    "PEF": tiff_of(Page(LARGE, FILTERED | {259: 65535, MAKE: "PENTAX"}), Page(SMALL, REDUCED)),
    "SRW": tiff_of(Page(SMALL, {MAKE: "SAMSUNG"}, (Page(LARGE, {259: 32770}),)), Page(SMALL, REDUCED)),
    "3FR": tiff_of(preview("Hasselblad", nested=(Page(LARGE, FILTERED),)), order=">"),
    "ERF": tiff_of(preview("SEIKO EPSON CORP.", nested=(Page(LARGE, FILTERED | {259: 32769}),))),
    "KDC": tiff_of(preview("EASTMAN KODAK COMPANY", nested=(Page(LARGE, FILTERED | {259: 65000}),)), order=">"),
    "IIQ": tiff_of(Page(SMALL, {MAKE: "Phase One"}), mark=b"IIIITwaR"),
    "a preview with its photo in an unknown place": tiff_of(preview("Acme")),
    "a preview in the old way": tiff_of(Page(SMALL, {255: 2, MAKE: "Acme"})),
    "a preview and an unreadable photo": tiff_of(Page(SMALL, REDUCED | {330: 10**9})),
    "a preview and a photo without marks": tiff_of(Page(SMALL, REDUCED, (Page(SMALL),))),
    "a preview that says nothing": tiff_of(Page(SMALL, nested=(Page(LARGE),))),
    "a preview, then the sensor's page": tiff_of(Page(SMALL), Page(SMALL, REDUCED), Page(LARGE, FILTERED)),
    "a photo of unknown size, known by its compression": tiff_of(Page(SMALL, nested=(Page(SMALL, {259: 32770}),))),
    "a photo of unknown size, known by its colours": tiff_of(Page(SMALL, nested=(Page(SMALL, FILTERED),))),
    "a preview, then the list of its pictures": tiff_of(preview("SONY"), Page((16, 12))),
    "a preview, then a page without size": tiff_of(preview("SONY"), Page(tags={256: (), 257: (), 273: (), 279: ()})),
    "a preview by a model": tiff_of(Page(SMALL, REDUCED | {272: "LEAF"})),
    "a preview with Exif": tiff_of(Page(SMALL, REDUCED | {34665: 10**6})),
    "a sensor's page in TIFF/EP": tiff_of(Page(SMALL), Page(LARGE, {33421: 2, 33422: b"\0\1\1\2"})),
    "a BigTIFF": tiff_with((254, 4, 1, 1), (330, 16, 1, 16), big=True),
    "ORF": b"IIRO\x08\0\0\0" + bytes(100),
    "ORF of old cameras": b"IIRS\x08\0\0\0" + bytes(100),
    "ORF, big-endian": b"MMOR\0\0\0\x08" + bytes(100),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(100),
    "RAF": b"FUJIFILMCCD-RAW 0201FF389501" + bytes(100),
    "CR3": box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", bytes(100)),
    "CRW": b"II\x1a\0\0\0HEAPCCDR\2\0\1\0" + bytes(100),
    "X3F": b"FOVb\1\0\2\0" + bytes(100),
    "MRW": b"\0MRM\0\0\0\x40\0PRD" + bytes(100),
}
PLAIN = {
    "one page": tiff_of(Page(LARGE)),
    "one page, big-endian": tiff_of(Page(LARGE), order=">"),
    "several pages": tiff_of(Page(LARGE), Page(SMALL), Page(SMALL)),
    "its strip has no length": tiff_of(Page(LARGE, {279: ()})),
    "with smaller copies inside": tiff_of(Page(LARGE, nested=(Page(SMALL, REDUCED), Page((20, 15), REDUCED)))),
    "with smaller copies behind": tiff_of(Page(LARGE), Page(SMALL, REDUCED), Page((20, 15), REDUCED)),
    "from a camera, developed": tiff_of(Page(LARGE, DEVELOPED), Page(SMALL, REDUCED)),
    "with a preview in front": tiff_of(Page(SMALL, REDUCED), Page(LARGE)),
    "scanned, with a preview in front": tiff_of(preview("EPSON"), Page(LARGE), Page(LARGE)),
    "a preview and a smaller page": tiff_of(Page(LARGE, REDUCED), Page(SMALL)),
    "a preview and nothing else": tiff_of(Page(LARGE, REDUCED)),
    "its second page is cut off": tiff_of(Page(LARGE), Page(SMALL))[:-20],
}


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
@pytest.mark.parametrize("kind", RAW)
def test_a_raw_file_is_refused_by_name(kind, check):
    with pytest.raises(errors.UnsupportedFormat, match=r"^The file is a camera raw file, "):
        measured(RAW[kind], check=check)


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
@pytest.mark.parametrize("kind", PLAIN)
def test_a_tiff_is_measured_by_its_full_picture(kind, check):
    found = measured(PLAIN[kind], check=check)
    assert (found.width, found.height, found.format) == (*LARGE, "TIFF")


@pytest.mark.parametrize("check", ["complete", "decode"])
def test_the_pixels_of_the_full_picture_must_be_there(check):
    with pytest.raises(errors.CorruptImage):
        measured(tiff_of(Page(SMALL, REDUCED), Page(LARGE, {273: 10**8})), check=check)


@pytest.mark.parametrize("check", ["header", "complete", "decode"])
def test_a_preview_is_not_measured_in_place_of_a_picture_that_is_cut_off(check):
    data = tiff_of(Page(SMALL, REDUCED), Page(LARGE))
    with pytest.raises(errors.CorruptImage):
        measured(data[:-20], check=check)
    with pytest.raises(errors.Truncated):
        measured(data[:-20], framed=False, check=check)


def test_not_every_page_is_looked_at():
    data = tiff_of(Page(LARGE), *[Page((1, 1))] * 20_000)
    started = time.thread_time()
    assert measured(data).width == LARGE[0]
    assert time.thread_time() - started < 0.05


def test_directories_in_a_circle_come_to_an_end():
    data = bytearray(tiff_of(Page(SMALL, REDUCED), Page(SMALL, REDUCED)))
    data[-4:] = data[4:8]
    assert measured(bytes(data)).width == SMALL[0]


def test_a_photo_by_a_camera_is_not_a_raw_file():
    assert measured(encoded("TIFF", size=LARGE, tiffinfo={MAKE: "NIKON CORPORATION", 305: "Ver.1"})).width == LARGE[0]
