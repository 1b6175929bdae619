"""Tables in memory: CSV, workbooks as openpyxl writes them, and workbooks of any XML."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

from tables.errors import UnreadableFileError
from tables.table import open_table

COLUMNS = {"area_code": "AreaCode", "name": "StoreName", "store_id": "StoreID"}
HEADER = ["AreaCode", "StoreName", "StoreID"]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def read(content: bytes, **options: Any) -> list[tuple[int, list[str]]]:
    """Line and cells of every row that fits."""
    with open_table(io.BytesIO(content), COLUMNS, **options) as table:
        return [(line, cells) for line, cells, _, misfit in table if misfit is None]


def misfits(content: bytes, **options: Any) -> list[tuple[int, str | None, str]]:
    with open_table(io.BytesIO(content), COLUMNS, **options) as table:
        return [(line, *misfit) for line, _, _, misfit in table if misfit is not None]


def refusal(content: bytes, **options: Any) -> str:
    """The sentence that says why it cannot be read; empty where it can."""
    try:
        read(content, **options)
    except UnreadableFileError as error:
        return str(error)
    return ""


def workbook(*rows: Sequence[Any], header: Sequence[Any] = HEADER, sheet: str = "Stores", **others: Any) -> bytes:
    """A workbook of one sheet, and of further ones by their names: a list of rows each."""
    made = Workbook()
    first = made.worksheets[0]
    first.title = sheet
    for row in [header, *rows]:
        first.append(list(row))
    for name, more in others.items():
        added = made.create_sheet(name)
        for row in more:
            added.append(list(row))
    return saved(made)


def saved(made: Workbook) -> bytes:
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def text_cell(text: str, place: str = "") -> str:
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="inlineStr"><is><t>{text}</t></is></c>'


HEADER_ROW = f'<row r="1">{"".join(map(text_cell, HEADER))}</row>'


def raw_workbook(
    rows: str | Iterable[str] = "",
    *,
    sheet: str | None = None,
    strings: str | Iterable[str] | None = None,
    parts: dict[str, bytes | str] | None = None,
    names: Sequence[str] = ("Stores",),
    compression: int = ZIP_DEFLATED,
) -> bytes:
    """A workbook whose sheet holds HEADER_ROW and these rows as XML, or is this XML; `strings` are its shared texts."""
    content = io.BytesIO()
    overrides = f'<Override PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/>'
    if strings is not None:
        overrides += f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPES}.sharedStrings+xml"/>'
    sheets = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(names, 1))
    links = "".join(
        f'<Relationship Id="r{at}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at, _ in enumerate(names, 1)
    )
    if strings is not None:
        links += f'<Relationship Id="s" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    texts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">{overrides}</Types>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        **(parts or {}),
    }
    with ZipFile(content, "w", compression, compresslevel=1) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        if strings is not None:
            write(archive, "xl/sharedStrings.xml", [f'<sst xmlns="{MAIN}">'], strings, ["</sst>"])
        if sheet is not None:
            archive.writestr("xl/worksheets/sheet1.xml", sheet)
        else:
            beginning = [f'<worksheet xmlns="{MAIN}"><sheetData>', HEADER_ROW]
            write(archive, "xl/worksheets/sheet1.xml", beginning, rows, ["</sheetData></worksheet>"])
    return content.getvalue()


def write(archive: ZipFile, name: str, *pieces: str | Iterable[str]) -> None:
    with archive.open(name, "w") as part:
        for piece in pieces:
            for text in [piece] if isinstance(piece, str) else piece:
                part.write(text.encode())
