"""A file that is no table is named for what it is, whatever its name says, with what to do."""

import bz2
import gzip
import io
import lzma
import tarfile
from zipfile import ZipFile

import pytest

from tests.tables.files import refusal, workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def ole(*streams):
    return OLE + b"".join(name.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for name in ("Root Entry", *streams))


def zipped(**parts):
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/").replace("_DOT_", "."), text)
    return content.getvalue()


def tar():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("stores.csv"))
    return content.getvalue()


KINDS = {
    "old workbook": (ole("Workbook"), "is an old Excel workbook (.xls); open it in the program that made it, and save"),
    "older workbook": (ole("Book"), "is an old Excel workbook (.xls)"),
    "its name far behind": (ole() + bytes(3 * 2**20) + ole("Workbook"), "is an old Excel workbook (.xls)"),
    "BIFF 8": (b"\x09\x08\x10\x00\x00\x06\x05\x00\xbb\x0d\xcc\x07", "is an old Excel workbook (.xls)"),
    "BIFF 4": (b"\x09\x04\x06\x00\x00\x04\x10\x00", "is an old Excel workbook (.xls)"),
    "encrypted": (ole("EncryptionInfo", "EncryptedPackage"), "is a workbook protected with a password; open it"),
    "old text": (ole("WordDocument"), "is an old Word document"),
    "another container": (ole("__nameid_version1.0"), "is an old Office document"),
    "gzip": (gzip.compress(b"AreaCode"), "is compressed with gzip; unpack it, and give the file that is in it"),
    "bzip2": (bz2.compress(b"AreaCode"), "is compressed with bzip2"),
    "xz": (lzma.compress(b"AreaCode"), "is compressed with xz"),
    "tar": (tar(), "is a tar archive"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x58", "is compressed with zstd"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "is a 7-Zip archive"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF document; give the data in it as .xlsx or as CSV"),
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in", "is a web page; if it came from an address, look at it"),
    "page with a mark": (b"\xef\xbb\xbf\r\n <html lang=en>", "is a web page"),
    "page with a comment": (b"<!-- saved -->\n<HTML>", "is a web page"),
    "table as .xls": (b"<table border=1><tr><td>AreaCode", "is a web page"),
    "XHTML": (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C"><html>', "is a web page"),
    "XML of 2003": (
        b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'
        b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "is an XML Spreadsheet of 2003",
    ),
    "XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied', "is an XML document"),
    "RTF": (b"{\\rtf1\\ansi", "is a text document (RTF)"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is an image"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF", "is an image"),
    "GIF": (b"GIF89a\1\0\1\0", "is an image"),
    "WebP": (b"RIFF\x24\0\0\0WEBPVP8 ", "is an image"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0", "is an image"),
    "TIFF": (b"II*\0\x08\0\0\0", "is an image"),
    "MP4": (b"\0\0\0\x18ftypisom\0\0\0\0", "is a video"),
    "SQLite": (b"SQLite format 3\0\x10\0", "is an SQLite database"),
    "Parquet": (b"PAR1\x15\x04", "is a Parquet file"),
    "SYLK": (b'ID;PWXL;N;E\r\nP;PGeneral\r\nC;Y1;X1;K"AreaCode"', "is a SYLK spreadsheet (.slk)"),
    "DIF": (b'TABLE\r\n0,1\r\n"EXCEL"\r\nVECTORS', "is a spreadsheet in the Data Interchange Format (.dif)"),
    "Lotus": (b"\0\0\2\0\6\4\6\0\x08\0", "is a Lotus spreadsheet"),
    "dBase": (b"\x03\x7d\x01\x01" + bytes(28) + b"AREACODE\0\0\0C", "is a dBase table"),
    "page in one file": (b"MIME-Version: 1.0\r\nX-Document-Type: Workbook", "is a web page in one file (MHTML)"),
    "link to a Google sheet": (b'{"url":"https://docs.google.com/open?id=x"}', "is a link to a Google document"),
    "link": (b"[InternetShortcut]\r\nURL=https://h", "is a link to a web page"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer to a file kept by Git LFS"),
    "SPSS": (b"$FL2@(#) SPSS DATA FILE", "is an SPSS file"),
    "PostScript": (b"%!PS-Adobe-3.0\n", "is a PostScript document"),
    ".ods": (
        zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet", content_DOT_xml="<x/>"),
        "is a LibreOffice workbook (.ods); open it, and save it as .xlsx or as CSV",
    ),
    ".odt": (zipped(mimetype="application/vnd.oasis.opendocument.text"), "is a LibreOffice document"),
    ".docx": (zipped(**{"[Content_Types]_DOT_xml": "<x/>", "word__document_DOT_xml": "<x/>"}), "is a Word document"),
    ".xlsb": (zipped(**{"[Content_Types]_DOT_xml": "<x/>", "xl__workbook_DOT_bin": "x"}), "is a binary Excel workbook"),
    "ZIP": (zipped(stores_DOT_csv="AreaCode"), "is a ZIP archive and no workbook; unpack it, and give the file that"),
    "empty ZIP": (b"PK\5\6" + bytes(18), "is a ZIP archive and no workbook"),
    "cut workbook": (workbook(["A", "B", "X"])[:-300], "is a damaged workbook; open it in Excel, and save it again"),
    "beginning of a workbook": (workbook(["A", "B", "X"])[:100], "is a damaged workbook"),
    "binary": (b"\1\2\0\3", "holds a NUL character: the file is damaged, no table at all, or UTF-16"),
    "empty": (b"", "is empty; the first line must be AreaCode,StoreName,StoreID"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_no_table_is_named_for_what_it_is(name):
    content, said = KINDS[name]
    assert said in refusal(content)


@pytest.mark.parametrize(
    "header",
    ["BM,AreaCode,StoreName,StoreID", "MZ,AreaCode,StoreName,StoreID", "\tAreaCode\tStoreName\tStoreID",
     "PK,AreaCode,StoreName,StoreID", "PAR,AreaCode,StoreName,StoreID", "<,AreaCode,StoreName,StoreID",
     "GIF,AreaCode,StoreName,StoreID", "Rar,AreaCode,StoreName,StoreID", "ID;PLACE;AreaCode;StoreName;StoreID",
     "TABLE,AreaCode,StoreName,StoreID", "[x],AreaCode,StoreName,StoreID", "Version,AreaCode,StoreName,StoreID",
     "%PDF,AreaCode,StoreName,StoreID"],
)  # fmt: skip
def test_a_table_whose_header_begins_like_another_kind_is_still_read(header):
    assert refusal(f"{header}\n".encode()) == ""
