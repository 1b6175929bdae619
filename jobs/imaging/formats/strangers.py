"""The names of formats that this service does not read, by their first bytes; only for the wording of the error."""

from jobs.errors import CAMERA_RAW

HEAD_BYTES = 1024

_PREFIXES = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"\0\0\1\0", "ICO"),
    (b"icns", "ICNS"),
    (b"8BPS", "Photoshop"),
    (b"gimp xcf", "GIMP"),
    (b"DDS ", "DDS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"AT&TFORM", "DjVu"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"\x01\xda\0\1", "SGI"),
    (b"\x01\xda\1\1", "SGI"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"P1\n", "PBM"),
    (b"P2\n", "PGM"),
    (b"P3\n", "PPM"),
    (b"P4\n", "PBM"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
    (b"P7\n", "PAM"),
    # Of Olympus, Panasonic and Leica, Fujifilm, Sigma, Minolta and early Kodak cameras. Others write TIFF.
    *((prefix, CAMERA_RAW) for prefix in (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")),
    (b"EASTMAN KODAK COMPANY", CAMERA_RAW),
    (b"FLV\1", "a Flash video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media video"),
    (b"\0\0\1\xba", "an MPEG video"),
    (b"\0\0\1\xb3", "an MPEG video"),
    (b".RMF", "a RealMedia video"),
    (b"\x06\x0e\x2b\x34", "an MXF video"),
)
# Of Canon: CIFF, and CR2 behind the header of a TIFF; of Phase One, behind it as well.
_RAW_MARKS = ((6, b"HEAPCCDR"), (8, b"CR"), (8, b"IIII"), (8, b"MMMM"))

_ANY_PREFIX = tuple(prefix for prefix, _ in _PREFIXES)
# What most files are, of which none is a stranger: recognized first, because every image passes here.
_USUAL = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8")

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1", b"miaf", b"avci", b"avcs", b"j2ki", b"j2is", b"jpeg", b"jpgs"})
# By the first letters of the first brand; whatever else has the structure is an MP4.
_BRANDS = (
    (b"crx ", CAMERA_RAW),
    (b"qt  ", "a QuickTime video"),
    (b"M4V", "an M4V video"),
    (b"M4A", "an M4A sound"),
    (b"M4B", "an M4A sound"),
    (b"3g", "a 3GP video"),
    (b"f4v", "a Flash video"),
)
# With these boxes, QuickTime files of before 2001 begin.
_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_TRANSPORT_PACKET_BYTES = (188, 192, 204)


def name(head: bytes, size: int) -> str | None:
    """What a file of `size` bytes is whose first HEAD_BYTES are `head`; None if it may be an image, or is unknown."""
    if head.startswith(_USUAL):
        return None
    if head.startswith(_ANY_PREFIX):
        return next(found for prefix, found in _PREFIXES if head.startswith(prefix))
    if head.startswith((b"II", b"MM")) and any(head.startswith(mark, place) for place, mark in _RAW_MARKS):
        return CAMERA_RAW
    if head.startswith(b"\1\0\0\0") and head.startswith(b" EMF", 40):
        return "a Windows metafile"
    if head.startswith(b"DICM", 128):
        return "DICOM"
    return _in_boxes(head, size) or _video(head) or _drawing(head)


def _in_boxes(head: bytes, size: int) -> str | None:
    """ISO base media files: HEIF, and video."""
    length, kind = int.from_bytes(head[:4]), head[4:8]
    if kind == b"ftyp":
        major = head[8:12]
        if len(head) < min(length, 12) or (size < length and major in _HEIF_BRANDS):
            return None  # its other brands, among which AVIF may be, are cut off
        brands = {major, *(head[place : place + 4] for place in range(16, min(length, len(head)), 4))}
        if brands & _AVIF_BRANDS:
            return None
        if brands & _HEIC_BRANDS:
            return "HEIC"
        if major in _HEIF_BRANDS:
            return "HEIF"
        return next((found for prefix, found in _BRANDS if major.startswith(prefix)), "an MP4 video")
    if kind in (b"styp", b"moof") and length <= size:
        return "an MP4 video"
    if kind in _QUICKTIME and (length <= size or length == 1):
        return "a QuickTime video"
    return None


def _video(head: bytes) -> str | None:
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "an AVI video"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "a WebM video" if b"webm" in head[:64] else "a Matroska video"
    if head.startswith(b"OggS") and any(codec in head[:256] for codec in (b"theora", b"BBCD", b"OVP80")):
        return "an Ogg video"
    for packet in _TRANSPORT_PACKET_BYTES:
        # Blu-ray's packets have their time in front.
        if all(head[place : place + 1] == b"\x47" for place in range(4 * (packet == 192), 4 * packet, packet)):
            return "an MPEG video"
    return None


def _drawing(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    is_page = b"<html" in text or b"<!doctype html" in text
    if text.startswith((b"<svg", b"<!doctype svg")) or (
        text.startswith((b"<?xml", b"<!--")) and b"<svg" in text and not is_page
    ):
        return "SVG"
    return None
