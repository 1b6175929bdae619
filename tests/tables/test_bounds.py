"""Whatever a workbook holds and claims to hold, it is refused or read in bounded memory and time."""

import contextlib
import io
import random
import struct
import subprocess
import sys
import time
from itertools import repeat
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tables import archive, streams, workbook
from tables.archive import MAX_DIRECTORY, MAX_OTHER, MAX_SHEET
from tables.errors import UnreadableFileError
from tests import ROOT
from tests.tables import files
from tests.tables.files import HEADER_ROW, MAIN, misfits, raw_workbook, read, refusal, text_cell

DOCTYPE = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
SHEET = "xl/worksheets/sheet1.xml"


def sheet(rows, before=""):
    return f'{before}<worksheet xmlns="{MAIN}"><sheetData>{HEADER_ROW}{rows}</sheetData></worksheet>'


def test_a_part_too_large_once_unpacked_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_SHEET", 100_000)
    exact = sheet("").ljust(100_000)
    assert refusal(raw_workbook(sheet=exact)) == ""
    assert refusal(raw_workbook(sheet=exact + " ")) == (
        "the file is a workbook whose part 'xl/worksheets/sheet1.xml' has 100,001 bytes once unpacked, where 100,000 "
        "are allowed; give the rows as CSV, or in several files."
    )


def with_size(content, name, size):
    """The archive with another size of this part in its directory."""
    at = content.rindex(name.encode()) - 46 + 24
    assert content[at - 24 : at - 20] == b"PK\1\2"
    return content[:at] + struct.pack("<I", size) + content[at + 4 :]


@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_a_directory_that_lies_unpacks_no_more_than_it_says(size):
    content = with_size(raw_workbook(sheet=sheet(" " * 10_000_000)), SHEET, size)
    assert "is a damaged workbook" in refusal(content)


def test_a_directory_of_too_many_parts_is_refused_before_it_is_read():
    content = io.BytesIO(raw_workbook())
    with ZipFile(content, "a") as opened:
        for number in range(20_000):
            opened.writestr(f"part{number}", "")
    assert refusal(content.getvalue()).startswith("the file is an archive whose directory has 1,")
    assert len(content.getvalue()) > MAX_DIRECTORY


@pytest.mark.parametrize("compression", [ZIP_BZIP2, ZIP_LZMA])
def test_another_compression_is_refused(compression):
    assert "is compressed as no workbook is" in refusal(raw_workbook(compression=compression))


def test_an_encrypted_part_is_refused():
    content = bytearray(raw_workbook())
    at = content.rindex(SHEET.encode()) - 46
    content[at + 8] |= 1
    assert "is protected with a password" in refusal(bytes(content))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels", SHEET])
def test_entities_are_refused_in_every_part(part):
    with ZipFile(io.BytesIO(raw_workbook())) as opened:
        text = opened.read(part).decode()
    content = raw_workbook(sheet=DOCTYPE + text) if part == SHEET else raw_workbook(parts={part: DOCTYPE + text})
    assert "declares a document type" in refusal(content)


def test_entities_are_refused_in_shared_texts():
    content = raw_workbook(strings=["<si><t>a</t></si>"])
    with ZipFile(io.BytesIO(content)) as opened, ZipFile(changed := io.BytesIO(), "w") as again:
        for name in opened.namelist():
            before = DOCTYPE.encode() if name == "xl/sharedStrings.xml" else b""
            again.writestr(name, before + opened.read(name))
    assert "declares a document type" in refusal(changed.getvalue())


def test_a_cell_in_the_last_corner_costs_nothing():
    content = raw_workbook([f'<row r="1048576">{text_cell("far", "XFD1048576")}</row>'])
    began = time.process_time()
    assert read(content) == []
    ((line, _, reason),) = misfits(content)
    assert (line, reason.partition(";")[0]) == (1_048_576, "column XFD has no title but holds 'far'")
    assert time.process_time() - began < 1


def test_cells_far_to_the_right_in_every_row_are_refused(monkeypatch):
    monkeypatch.setattr(workbook, "MAX_CELLS", 100_000)
    row = '<row r="{}">' + text_cell("far", "XFD{}") + "</row>"
    for rows, refused in ((6, False), (7, True)):
        content = raw_workbook([row.format(n, n) for n in range(2, rows + 2)])
        assert ("whose sheet has more than" in refusal(content)) == refused


@pytest.mark.parametrize(
    ("row", "place", "refused"),
    [(2, "XFE2", "16,384 columns"), (2, "ZZZ2", "16,384 columns"),
     (1_048_577, "A1048577", "1,048,576 rows"), (10**19, "", "1,048,576 rows"),
     (2, "XFD2", ""), (1_048_576, "C1048576", "")],
)  # fmt: skip
def test_more_rows_or_columns_than_the_format_has_are_too_many(row, place, refused):
    answer = refusal(raw_workbook([f'<row r="{row}">{text_cell("x", place)}</row>']))
    assert answer == (
        f"the file is a workbook whose sheet has more than {refused}; give the rows as CSV, or in several files."
        if refused
        else ""
    )


@pytest.mark.parametrize("place", ["AAAA2", "2", "a2", "\u0410" + "2", "A"])
def test_a_cell_of_no_place_is_damage(place):
    assert "is a damaged workbook" in refusal(raw_workbook([f'<row r="2">{text_cell("x", place)}</row>']))


@pytest.mark.parametrize("number", ["0", "1", "-5", "9" * 5_000, "x", "1.5", ""])
def test_a_row_out_of_order_or_without_a_number_is_damage(number):
    assert "is a damaged workbook" in refusal(raw_workbook([f'<row r="{number}">{text_cell("x")}</row>']))


@pytest.mark.parametrize("cell", [
    '<c t="s"><v>99</v></c>', '<c t="s"><v>-1</v></c>', '<c t="s"><v>x</v></c>', "<c><v>x</v></c>",
    "<c><v>1e999</v></c>", "<c><v>NaN</v></c>", '<c t="klingon"><v>1</v></c>',
    '<c t="s"><v>99999999999999999999</v></c>',
])  # fmt: skip
def test_a_cell_that_cannot_be_is_damage(cell):
    assert "is a damaged workbook" in refusal(raw_workbook([f'<row r="2">{cell}</row>'], strings=["<si><t>a</t></si>"]))


def test_both_sides_of_the_number_of_cells(monkeypatch):
    monkeypatch.setattr(streams, "MAX_CELLS", 1_000)
    for cells, refused in ((997, False), (998, True)):  # the header has three
        content = raw_workbook([f'<row r="2">{"<c/>" * cells}</row>'])
        assert ("whose sheet has more than 1,000 cells" in refusal(content)) == refused


def test_both_sides_of_the_characters_of_a_row(monkeypatch):
    monkeypatch.setattr(streams, "MAX_ROW", 10_000)
    for cells, refused in ((10, False), (11, True)):
        content = raw_workbook([f'<row r="2">{text_cell("x" * 1_000) * cells}</row>'])
        assert ("more than 10,000 characters in row 2" in refusal(content)) == refused
    assert "more than 10,000 characters in one row" in refusal(
        raw_workbook([f'<row r="2">{text_cell("x" * 10_001)}</row>'])
    )


def test_both_sides_of_the_number_of_shared_texts(monkeypatch):
    monkeypatch.setattr(streams, "MAX_SHARED", 100)
    assert refusal(raw_workbook(strings=repeat("<si><t>a</t></si>", 99))) == ""
    assert "of more than 100 different texts" in refusal(raw_workbook(strings=repeat("<si><t>a</t></si>", 100)))


@pytest.mark.parametrize(
    "rows", ["<a>" * 100 + "</a>" * 100, "".join(f"<a{n}/>" for n in range(2_000)),
             "<row r='2'>" + "".join(f"<c x{n}='1'/>" for n in range(2_000)) + "</row>"],
)  # fmt: skip
def test_more_levels_or_names_than_any_program_writes_are_refused(rows):
    assert "more names or levels of elements" in refusal(raw_workbook([rows]))


@pytest.mark.parametrize("piece", ["<!--{}-->", "<a b='{}'/>", "<?a {}?>", "<{}/>"])
def test_a_piece_that_has_to_be_held_whole_is_bounded(monkeypatch, piece):
    monkeypatch.setattr(streams, "MAX_PIECE", 100_000)
    assert "a tag or comment of more than 100,000 bytes" in refusal(raw_workbook([piece.format("x" * 400_000)]))


def test_a_part_of_which_a_tree_is_built_has_few_elements():
    names = [f"S{number}" for number in range(workbook.MAX_ELEMENTS)]
    assert "of more sheets, names or formats than any program writes" in refusal(raw_workbook(names=names))


def test_what_follows_the_rows_is_not_read():
    rows = sheet("").removesuffix("</worksheet>") + "<broken" + "x" * 200_000
    assert refusal(raw_workbook(sheet=rows)) == ""


HOSTILE = {
    "blanks": lambda: raw_workbook(repeat(" " * 2**20, MAX_SHEET // 2**20 - 1)),
    "empty cells": lambda: raw_workbook(['<row r="2">', *repeat("<c/>" * 1_000, 5_000), "</row>"]),
    "empty rows": lambda: raw_workbook(repeat("<row/>" * 1_000, 1_000)),
    "one long text": lambda: raw_workbook(['<row r="2"><c t="str"><v>', *repeat("x" * 2**20, 100), "</v></c></row>"]),
    "a comment": lambda: raw_workbook(["<!--", *repeat("x" * 2**20, 100), "-->"]),
    "shared texts": lambda: raw_workbook(strings=repeat("<si><t>abc</t></si>" * 1_000, 500)),
    "empty shared texts": lambda: raw_workbook(strings=repeat("<si/>" * 1_000, 1_000)),
    "one shared text": lambda: raw_workbook(strings=["<si><t>", *repeat("x" * 2**20, 60), "</t></si>"]),
    "elements": lambda: raw_workbook(parts={"xl/workbook.xml": f'<w xmlns="{MAIN}">{"<a/>" * (MAX_OTHER // 5)}</w>'}),
}


# Reads each file in a process of its own, forked from one that has read a workbook, and prints what it took more: MB of
# memory, and seconds of the processor.
MEASURE = """
import os, resource, sys
from tests.tables.files import refusal, workbook

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

refusal(workbook())
for path in sys.argv[1:]:
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            sys.exit(1)
        continue
    content = open(path, "rb").read()
    before = peak()
    refusal(content)
    print(peak() - before, resource.getrusage(resource.RUSAGE_SELF).ru_utime, flush=True)
    os._exit(0)
"""


def test_memory_and_time_are_bounded_whatever_it_holds(tmp_path):
    paths = [tmp_path / name for name in HOSTILE]
    for path in paths:
        path.write_bytes(HOSTILE[path.name]())
    command = [sys.executable, "-c", MEASURE, *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = dict(zip(HOSTILE, (line.split() for line in done.stdout.splitlines()), strict=True))
    assert {name: took for name, took in found.items() if int(took[0]) >= 40 or float(took[1]) >= 20} == {}


@hypothesis_settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_a_workbook_damaged_anywhere_is_read_or_refused(seed, number):
    chosen = random.Random(seed)
    content = bytearray(files.workbook(["A", "B", 1], ["A", True, "X"], More=[["x"]]))
    for _ in range(number):
        content[chosen.randrange(len(content))] = chosen.randrange(256)
    with contextlib.suppress(UnreadableFileError):
        read(bytes(content))


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(1, 20),
    st.sampled_from(["xl/workbook.xml", "xl/styles.xml", SHEET, "[Content_Types].xml"]),
)
def test_a_part_damaged_anywhere_is_read_or_refused(seed, number, part):
    chosen = random.Random(seed)
    original = io.BytesIO(files.workbook(["A", "B", 1], ["A", True, "X"]))
    with ZipFile(original) as opened, ZipFile(changed := io.BytesIO(), "w") as again:
        for name in opened.namelist():
            text = bytearray(opened.read(name))
            for _ in range(number if name == part else 0):
                text[chosen.randrange(len(text))] = ord(chosen.choice("<>\"'/= 0aZ&;:"))
            again.writestr(name, bytes(text))
    with contextlib.suppress(UnreadableFileError):
        read(changed.getvalue())


def test_the_bounds_are_those_of_the_format_or_generous():
    assert (streams.MAX_ROWS, streams.MAX_COLUMNS) == (1_048_576, 16_384)
    assert streams.MAX_CELLS >= 4 * streams.MAX_ROWS
    assert archive.MAX_STRINGS < MAX_SHEET
