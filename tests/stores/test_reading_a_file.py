"""Which files are read as a store master, and why the others are refused."""

import codecs
import contextlib
import csv
import io
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.reader import StoreRow, open_stores
from tables.errors import UnreadableFileError
from tables.text import MAX_LINE
from tests.stores.files import HEADER, store_file


def read(file, encoding=None):
    with open_stores(file, encoding) as stores:
        return list(stores), stores


def refusal(file, encoding=None):
    with pytest.raises(UnreadableFileError) as caught:
        read(file, encoding)
    return str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        "AreaCode,StoreName,StoreID",
        "area_code,store_name,store_id",
        "AREACODE,STORENAME,STOREID",
        "Area Code,Store-Name, storeId",
    ],
)
def test_the_header_is_recognised_by_name(header):
    rows, _ = read(store_file("A,SHOP,X1", header=header))
    assert rows == [StoreRow(2, "X1", "SHOP", "A")]


def test_columns_may_be_in_any_order():
    rows, _ = read(store_file("X1,A,SHOP", header="store_id,AreaCode,StoreName"))
    assert rows == [StoreRow(2, "X1", "SHOP", "A")]


def test_extra_columns_are_ignored_and_named():
    rows, stores = read(store_file("5,A,SHOP,X1,open", header="Rank,AreaCode,StoreName,StoreID,Status"))
    assert rows == [StoreRow(2, "X1", "SHOP", "A")]
    assert stores.ignored_columns == ["Rank", "Status"]


def test_missing_columns_are_listed():
    assert refusal(store_file("A,SHOP", header="AreaCode,Name")) == (
        "line 1: the header lacks StoreName, StoreID; it names 'AreaCode', 'Name'."
    )


def test_a_column_named_twice_is_refused():
    assert refusal(store_file(header="AreaCode,StoreName,StoreID,store_id")) == (
        "line 1: the header names the column StoreID twice, as 'StoreID' and as 'store_id'; keep one of them."
    )


@pytest.mark.parametrize(("delimiter", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_delimiter_is_named(delimiter, word):
    assert refusal(store_file(header=f"{HEADER}es".replace(",", delimiter))) == (
        f"line 1: the columns are separated by {word}, and the header is not {HEADER}; separate by commas."
    )


@pytest.mark.parametrize("content", [b"", b"\r\n\r\n", codecs.BOM_UTF8])
def test_an_empty_file_is_refused(content):
    assert refusal(BytesIO(content)).startswith("the file is empty")


def test_a_header_alone_is_a_file_of_no_stores():
    rows, stores = read(BytesIO(HEADER.encode()))
    assert rows == []
    assert stores.rows == 0


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read_and_counted(end):
    rows, _ = read(store_file("A,ONE,X1", "A,TWO,X2", end=end))
    assert rows == [StoreRow(2, "X1", "ONE", "A"), StoreRow(3, "X2", "TWO", "A")]


def test_the_last_line_needs_no_end():
    rows, _ = read(BytesIO(f"{HEADER}\r\nA,ONE,X1".encode()))
    assert rows == [StoreRow(2, "X1", "ONE", "A")]


def test_blank_lines_are_no_rows():
    rows, stores = read(store_file("", "A,ONE,X1", "", "A,TWO,X2", ""))
    assert [row.line for row in rows] == [3, 5]
    assert stores.rows == 2


def test_quoted_names_may_hold_commas_quotes_and_line_breaks():
    rows, _ = read(store_file('A,"ONE  SHOP,-32",X1', 'A,"THE ""LITTLE""\r\nSHOP",X2', "A,THREE,X3"))
    assert rows == [
        StoreRow(2, "X1", "ONE  SHOP,-32", "A"),
        StoreRow(3, "X2", 'THE "LITTLE"\r\nSHOP', "A"),
        StoreRow(5, "X3", "THREE", "A"),
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)] * 3)))
def test_what_a_csv_writer_wrote_is_read_back(cells):
    cells = [(area.strip() or "A", name.strip() or "N", store_id.strip() or "S") for area, name, store_id in cells]
    written = io.StringIO()
    csv.writer(written).writerows([HEADER.split(","), *cells])
    rows, stores = read(BytesIO(written.getvalue().encode()))
    kept = [cell for cell in cells if len(cell[0]) <= 64 and len(cell[1]) <= 255 and len(cell[2]) <= 64]
    assert [(row.area_code, row.name, row.store_id) for row in rows] == kept
    assert stores.rows == len(cells)


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([None, "utf-8", "utf-16", "latin-1", "utf-7"]))
def test_any_bytes_are_read_or_refused(content, encoding):
    header = f"{HEADER}\n".encode(encoding or "utf-8")
    with contextlib.suppress(UnreadableFileError):
        rows, stores = read(BytesIO(header + content), encoding)
        assert len(rows) + stores.rejected_rows == stores.rows


def test_a_byte_order_mark_is_accepted():
    for encoding in (None, "utf-8", "UTF8"):
        rows, stores = read(store_file("A,CAFÉ,X1", encoding="utf-8-sig"), encoding)
        assert rows == [StoreRow(2, "X1", "CAFÉ", "A")]
        assert stores.encoding == "utf-8"


def test_a_file_that_is_not_utf_8_is_read_as_cp1252():
    rows, stores = read(store_file("A,CAFÉ ŒUF €5,X1", encoding="cp1252"))
    assert rows == [StoreRow(2, "X1", "CAFÉ ŒUF €5", "A")]
    assert stores.encoding == "cp1252"


def test_one_late_byte_that_is_not_utf_8_decides_for_the_whole_file():
    _, stores = read(store_file(*[f"A,SHOP,X{n}" for n in range(5_000)], "A,CAF\xe9,Y", encoding="latin-1"))
    assert stores.encoding == "cp1252"


def test_a_file_in_neither_encoding_is_refused():
    content = store_file("A,CAFÉ,X1").getvalue().replace("É".encode(), b"\x81")
    assert refusal(BytesIO(content)) == (
        "the file is neither UTF-8 nor cp1252; name the encoding it was saved in with --encoding."
    )


@pytest.mark.parametrize(("encoding", "mark"), [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)])
def test_utf_16_is_refused_with_a_hint(encoding, mark):
    # One of its bytes, 0x81, is none of cp1252.
    bengali = store_file("A,\u099a\u09be\u0981,X1", encoding=encoding).getvalue()
    assert refusal(BytesIO(mark + bengali)) == (
        "the file is UTF-16; name that encoding, utf-16, with --encoding, or save it as UTF-8."
    )
    english = store_file("A,SHOP,X1", encoding=encoding).getvalue()
    assert "utf-16le or utf-16be, with --encoding" in refusal(BytesIO(english))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252", "utf-8"])
def test_a_named_encoding_is_used(encoding):
    rows, _ = read(store_file("A,CAFÉ,X1", encoding=encoding), encoding)
    assert rows == [StoreRow(2, "X1", "CAFÉ", "A")]


def test_a_file_not_in_the_named_encoding_is_refused_with_its_line():
    message = refusal(store_file("A,CAFÉ,X1", encoding="cp1252"), "utf-8")
    assert message.startswith(
        "line 1: this line or one shortly after is not utf-8; name the encoding it was saved in with --encoding"
    )


@pytest.mark.parametrize("encoding", ["klingon", "hex", "rot13", "undefined", "", "a\0b"])
def test_an_encoding_that_does_not_exist_is_refused(encoding):
    assert "cannot be read in the encoding" in refusal(store_file("A,SHOP,X1"), encoding)


def test_a_nul_is_refused_with_its_line():
    assert refusal(store_file("A,ONE,X1", "A,T\0WO,X2")).startswith("line 3: holds a NUL character")


def test_an_unclosed_quote_is_refused_with_the_line_it_begins_in():
    assert refusal(store_file("A,ONE,X1", 'A,"TWO,X2', "A,THREE,X3")) == (
        "line 3: opens a quotation mark that is never closed; close it, or double it where it is part of the text."
    )


def test_text_after_a_closing_quote_is_refused_with_its_line():
    assert refusal(store_file('A,"ONE" SHOP,X1')).startswith("line 2: has text behind a closing quotation mark; double")


def test_a_cell_at_the_limit_of_the_format_is_read_and_one_more_character_is_refused():
    limit = csv.field_size_limit()
    _, stores = read(store_file(f"A,{'N' * limit},X1"))
    assert stores.rejected_rows == 1
    assert refusal(store_file(f"A,{'N' * (limit + 1)},X1")).startswith(
        "line 2: holds a cell of more than 131,072 characters"
    )


def test_a_line_without_end_is_refused_before_it_fills_the_memory():
    row = "A" + "," * (MAX_LINE - 3)
    assert read(store_file(row))[1].rejected_rows == 1  # the line's end is its last character
    for more in (",", row):
        assert refusal(store_file(row + more)) == "line 2: is longer than 1,048,575 characters."


def test_rows_come_while_the_file_is_read():
    file = store_file(*[f"A,SHOP,X{n}" for n in range(100_000)])
    with open_stores(file) as stores:
        next(iter(stores))
        assert file.tell() < 100_000


def test_the_file_stays_open():
    for file in (store_file("A,SHOP,X1"), store_file(header="nothing")):
        with contextlib.suppress(UnreadableFileError):
            read(file)
        assert not file.closed
