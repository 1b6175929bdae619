"""CSV as Excel and others write it: separators, blank and surplus cells, headers that come twice."""

import codecs
import io

import pytest

from tables import text
from tables.table import open_table
from tests.tables.files import COLUMNS, HEADER, misfits, read, refusal

COMMAS = ",".join(HEADER)


MARKS = {"utf-16-le": "utf-16", "utf-16-be": "utf-16", "utf-32-le": "utf-32", "utf-32-be": "utf-32"}


def file(*lines, end="\r\n"):
    return "".join(line + end for line in lines).encode()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["", "sep={}", "SEP={}", '"sep={}"', "sep={};;", "\ufeffsep={}"])
def test_the_separator_is_found_by_the_header_or_named_by_the_first_line(separator, first):
    lines = [first.format(separator)] if first else []
    content = file(*lines, separator.join(HEADER), separator.join(["A", '"ONE, TWO; 3"', "X1"]))
    assert read(content) == [(len(lines) + 2, ["A", "ONE, TWO; 3", "X1"])]


def test_a_separator_that_is_named_is_the_one_that_is_used():
    assert read(file("sep=|", "AreaCode|StoreName|StoreID", "A|B,C|X")) == [(3, ["A", "B,C", "X"])]
    assert "the header lacks" in refusal(file("sep=;", COMMAS))
    assert refusal(file("sep=x", COMMAS)) == (
        "line 1: names 'x' as the separator; separate by commas, semicolons or tabs."
    )


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_another_separator_is_taken_only_where_the_header_then_matches(separator):
    assert "the columns are separated by" in refusal(file(f"AreaCode{separator}StoreName{separator}Id"))


def test_a_comma_in_the_data_does_not_make_a_table_of_semicolons_one_of_commas():
    assert read(file("AreaCode;StoreName;StoreID", "A;B,C,D;X")) == [(2, ["A", "B,C,D", "X"])]


@pytest.mark.parametrize("blank", ["", ",,", ",,,,", " , ,\t", '"","",""', "\u00a0,,", '" "'])
def test_rows_of_nothing_but_separators_are_no_rows_wherever_they_are(blank):
    assert read(file(blank, COMMAS, blank, "A,B,X", blank, "A,C,Y", blank)) == [
        (4, ["A", "B", "X"]), (6, ["A", "C", "Y"])
    ]  # fmt: skip
    assert misfits(file(blank, COMMAS, blank)) == []


@pytest.mark.parametrize("row", ["A,B,X,", "A,B,X,,,", "A,B,X, ,\t"])
def test_surplus_cells_that_are_empty_are_dropped(row):
    assert read(file(COMMAS, row)) == [(2, ["A", "B", "X"])]


@pytest.mark.parametrize(
    ("row", "place", "shown"),
    [("A,B,X,D", "D", "'D'"), ("A,B,X,,,\u200bE", "F", "'<U+200B>E'"), ("A,B,C,D,E", "D", "'D'")],
)
def test_surplus_cells_that_are_filled_are_rejected_with_line_and_column(row, place, shown):
    ((line, column, reason),) = misfits(file(COMMAS, "A,B,X", row))
    assert (line, column) == (3, None)
    assert f"where the header has 3: column {place} has no title but holds {shown}; " in reason


def test_blank_titles_at_the_end_of_the_header_ask_for_no_cells_and_take_some():
    content = file(f"{COMMAS},,", "A,B,X", "A,B,Y,,", "A,B,Z,note,", "A,B,W,,,more")
    assert [line for line, _ in read(content)] == [2, 3, 4]
    assert [line for line, *_ in misfits(content)] == [5]


@pytest.mark.parametrize("again", ["StoreID", "store_id", "STORE ID", " Store-Id "])
def test_a_column_that_is_named_twice_is_refused_with_its_line(again):
    assert refusal(file("", f"{COMMAS},{again}", "A,B,X,Y")) == (
        f"line 2: the header names the column StoreID twice, as 'StoreID' and as {again!r}; keep one of them."
    )


@pytest.mark.parametrize("title", ["\ufeffStoreID", "Store\u200bID", "\u00a0Store\u00a0ID\u00a0", "StoreID\u200e"])
def test_a_title_with_invisible_characters_is_recognised(title):
    assert read(file(f"AreaCode,StoreName,{title}", "A,B,X")) == [(2, ["A", "B", "X"])]
    assert read(b"\xef\xbb\xbf" * 2 + file(COMMAS, "A,B,X")) == [(2, ["A", "B", "X"])]


@pytest.mark.parametrize("end", ["\x1a", "\x1a\x1a\x1a", "A,B,X2\x1a"])
def test_what_programs_of_dos_end_a_file_with_is_no_row_and_no_part_of_one(end):
    assert read(file(COMMAS, "A,B,X1") + end.encode()) == [
        (2, ["A", "B", "X1"]),
        *([(3, ["A", "B", "X2"])] if "X2" in end else []),
    ]
    assert misfits(file(COMMAS, "A,B,X1") + end.encode()) == []


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lines_in_quotation_marks_as_a_whole_are_named(separator):
    assert refusal(file(f'"{separator.join(HEADER)}"', f'"{separator.join("ABX")}"')) == (
        "line 1: is in quotation marks as a whole, and so in one column; "
        "remove those around every line, and one of each two within it."
    )


def test_blank_titles_are_not_listed():
    assert refusal(b",AreaCode, ,\n,A,,\n") == "line 1: the header lacks StoreName, StoreID; it names 'AreaCode'."
    with open_table(io.BytesIO(b",AreaCode,StoreName,StoreID, ,Note\n"), COLUMNS) as table:
        assert table.ignored == ["Note"]


def test_columns_that_nobody_reads_may_be_named_alike():
    assert read(file(f"{COMMAS},Note,Note", "A,B,X,1,2")) == [(2, ["A", "B", "X", "1", "2"])]


def test_a_header_that_comes_again_is_rejected_with_its_line():
    assert misfits(file(COMMAS, "A,B,X", COMMAS, f"{COMMAS},")) == [
        (3, None, "repeats the header"), (4, None, "repeats the header")
    ]  # fmt: skip


def test_a_row_after_a_quoted_line_break_and_a_named_separator_has_its_own_line():
    content = file("", "sep=;", "", "AreaCode;StoreName;StoreID", 'A;"B\r\nC";X', "A;D;Y")
    assert read(content) == [(5, ["A", "B\r\nC", "X"]), (7, ["A", "D", "Y"])]


def test_a_row_of_many_quoted_lines_is_bounded(monkeypatch):
    monkeypatch.setattr(text, "MAX_ROW", 100)
    fits = 'A,"' + "\n" * 10 + '","' + "\n" * 10 + '"\n'
    assert len(read((COMMAS + "\n" + 10 * fits).encode())) == 10
    long = 'A,B,"x"' + ',"\n"' * 30 + "\n"
    found = refusal((COMMAS + "\n" + long).encode())
    assert "is in a row of more than 100 characters; look for a quotation mark that is never closed" in found


@pytest.mark.parametrize("encoding", ["iso-8859-2", "cp1252", "utf-16"])
def test_utf_8_by_its_mark_is_not_read_in_another_encoding(encoding):
    # The first column is one that nobody reads, so that its title gives nothing away.
    content = "\ufeffNote,AreaCode,StoreName,StoreID\n1,A,Łódź,X\n".encode()
    assert "the byte order mark of UTF-8" in refusal(content, encoding=encoding)
    assert read(content, encoding="utf8") == [(2, ["1", "A", "Łódź", "X"])]


@pytest.mark.parametrize(("mark", "named"), MARKS.items())
def test_what_its_mark_says_is_named_and_read_in_no_other_encoding(mark, named):
    content = codecs.encode("\ufeffNote,AreaCode,StoreName,StoreID\n1,A,Łódź,X\n", mark)
    assert refusal(content) == (
        f"the file is {named.upper()}; name that encoding, {named}, with --encoding, or save it as UTF-8."
    )
    assert read(content, encoding=named) == read(content, encoding=mark) == [(2, ["1", "A", "Łódź", "X"])]
    for other in {"utf-8", "cp1252", "utf-16", "utf-32", *MARKS} - {mark, named}:
        assert refusal(content, encoding=other) == (
            f"the file begins with the byte order mark of {named.upper()}, and is said to be {other}; name {named}."
        )


@pytest.mark.parametrize("encoding", ["utf-16le", "utf-16be", "gb18030"])
def test_a_mark_that_an_encoding_keeps_is_no_part_of_the_first_title(encoding):
    content = "\ufeffsep=;\nAreaCode;StoreName;StoreID\nA;Łódź;X\n".encode(encoding)
    assert read(content, encoding=encoding) == [(3, ["A", "Łódź", "X"])]


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "hex", "undefined", "klingon"])
def test_what_no_file_is_saved_in_is_no_encoding(name):
    assert f"the encoding {name!r}, which is not known" in refusal(file(COMMAS), encoding=name)
