"""Visits from a file: which rows become which visits, and why a file cannot be read."""

import csv
import io
import json
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.submission import visits_file
from jobs.submission.payload import MAX_PROBLEMS, MAX_STORE_ID, MAX_URL, MAX_VISIT_TIME, parse_submission
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import read_visits
from tables.cells import find_invisible
from tables.csv_files import guard_cell
from tables.errors import Entry
from tests.tables.files import workbook

HEADER = "store_id,visit_time,image_url"


def file(*rows, header=HEADER, end="\n", encoding="utf-8"):
    return end.join([header, *rows]).encode(encoding)


def body_of(content, **options):
    return read_visits(io.BytesIO(content), **options).body


def problems(content, **options):
    with pytest.raises(UnreadableVisits) as unreadable:
        body_of(content, **options)
    return [(problem.line, problem.column, problem.complaint) for problem in unreadable.value.problems]


def visits(content):
    body = body_of(content)
    assert body["count"] == len(body["visits"])
    return [(visit["store_id"], visit["visit_time"], visit["image_url"]) for visit in body["visits"]]


def test_rows_of_one_store_and_time_are_one_visit_in_order_of_first_appearance():
    assert visits(file("s,noon,http://a/1", "t,noon,http://a/2", "s,noon,http://a/3", "s,later,http://a/4")) == [
        ("s", "noon", ["http://a/1", "http://a/3"]),
        ("t", "noon", ["http://a/2"]),
        ("s", "later", ["http://a/4"]),
    ]


@pytest.mark.parametrize("header", ["StoreID,VisitTime,ImageURL", "STORE ID,visit-time,Image_Url", HEADER])
def test_columns_are_known_by_name_in_any_case(header):
    assert visits(file("s,noon,http://a/1", header=header)) == [("s", "noon", ["http://a/1"])]


def test_columns_may_be_in_any_order_and_others_are_ignored():
    content = file("x,http://a/1,y,s,noon", header="state,image_url,host,store_id,visit_time")
    assert visits(content) == [("s", "noon", ["http://a/1"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_any_line_end_and_the_usual_encodings_are_read(end, encoding):
    assert visits(file("é,noon,http://a/1", "", '"a,""b""",noon,http://a/2', "", end=end, encoding=encoding)) == [
        ("é", "noon", ["http://a/1"]),
        ('a,"b"', "noon", ["http://a/2"]),
    ]


def test_blank_lines_are_skipped_and_counted():
    assert problems(b"\n\n" + file("", ",,", "s,noon,")) == [(6, "image_url", "is blank")]


def test_every_problem_is_reported_with_its_line_and_column():
    content = file("s,noon", " s,noon,http://a/1", ",noon,x", header="StoreID,visit_time,image_url")
    assert problems(content) == [
        (2, "image_url", "has 2 cells where the header has 3"),
        (3, "StoreID", "begins or ends with white space"),
        (4, "StoreID", "is blank"),
    ]


@pytest.mark.parametrize(
    ("column", "row", "longest"),
    [
        ("store_id", "{},noon,x", MAX_STORE_ID),
        ("visit_time", "s,{},x", MAX_VISIT_TIME),
        ("image_url", "s,t,{}", MAX_URL),
    ],
)
def test_both_sides_of_each_length(column, row, longest):
    parse_submission(body_of(file(row.format("x" * longest))))
    [(line, named, complaint)] = problems(file(row.format("x" * (longest + 1))))
    assert (line, named) == (2, column)
    assert f"1 to {longest:,} characters" in complaint


def test_a_control_character_in_a_url_is_a_problem():
    assert problems(file("s,noon,http://a/\x1b[2J"))[0][:2] == (2, "image_url")


def test_at_most_max_problems_are_listed():
    assert len(problems(file(*[",,x"] * MAX_PROBLEMS))) == MAX_PROBLEMS


def test_a_row_with_line_breaks_is_named_by_its_first_line():
    assert problems(file('s,"a\nb",x', "s,,x")) == [(4, "visit_time", "is blank")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; the first line must be store_id,visit_time,image_url"),
        (b"\n\n", "is empty"),
        (file(), "has no rows below its header"),
        (b"store_id,visit_time\ns,noon", "the header lacks image_url"),
        (
            b"store_id|visit_time|image_url\ns|t|u",
            "separated by bars, and the header is not store_id,visit_time,image_url",
        ),
        (b"store;time;image\ns;t;u", "separated by semicolons"),
        (
            file("s,t,u,v", header=HEADER + ",StoreID"),
            "names the column store_id twice, as 'store_id' and as 'StoreID'",
        ),
        (file('s,"t,u'), "opens a quotation mark that is never closed"),
        (file('s,"t"x,u'), "has text behind a closing quotation mark"),
        (file("s,t,u\0"), "holds a NUL character"),
        (
            file("s,t,u").decode().encode("utf-16"),
            "is UTF-16; name that encoding, utf-16, with --encoding, or save it as UTF-8",
        ),
        (file("s,t,u") + b"\x81\xff", "is neither UTF-8 nor cp1252"),
        (b"\x89PNG\r\n\x1a\n\x00", "is an image"),
        (b"\x00\x01\x02", "NUL"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused_with_a_reason(content, said):
    assert said in problems(content)[-1][2]


def test_both_sides_of_the_number_of_images(settings):
    settings.MAX_IMAGES_PER_JOB = 3
    assert len(visits(file("s,t,1", "s,t,2", "s,t,3"))[0][2]) == 3
    assert problems(file("s,t,1", "s,t,2", "s,t,3", "s,t,4")) == [
        (5, None, "is one image too many; a job has at most 3")
    ]


# An id with a character that nobody sees is refused.
SEEN = st.characters(exclude_categories=["C", "Z"]).filter(lambda character: not find_invisible(character))


@given(
    st.lists(
        st.tuples(
            *[
                # An id with a character that nobody sees is refused.
                st.text(
                    st.characters(exclude_categories=["C", "Z"]).filter(lambda c: not find_invisible(c)), min_size=1
                )
            ]
            * 3
        ),
        min_size=1,
    )
)
def test_any_visits_survive_a_round_trip_through_csv_with_guarded_cells(rows):
    text = io.StringIO()
    csv.writer(text).writerows([["image_url", "store_id", "visit_time"], *([guard_cell(c) for c in r] for r in rows)])
    found = [(url, store, time) for store, time, urls in visits(text.getvalue().encode()) for url in urls]
    assert sorted(found) == sorted(rows)


@given(st.binary(max_size=200))
def test_no_bytes_raise_any_other_error(content):
    with suppress(UnreadableVisits):
        body = body_of(content)
        assert content.lstrip().startswith((b"{", b"[")) or body["count"] > 0


BODY = {"count": 1, "visits": [{"store_id": "s", "visit_time": "noon", "image_url": ["u"]}]}


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_json_is_recognized_by_its_content(before):
    assert read_visits(io.BytesIO(before + json.dumps(BODY).encode()), "visits.csv").body == BODY
    assert read_visits(io.BytesIO(b"\xef\xbb\xbf" + file("s,noon,u")), "visits.json").body == BODY


def test_json_that_cannot_be_read_names_file_line_and_column():
    with pytest.raises(UnreadableVisits, match=r"^a\.json: the file is not JSON: .*line 2"):
        read_visits(io.BytesIO(b'{"count": 1,\n]'), "a.json")


def test_both_sides_of_the_size_of_json(settings):
    content = json.dumps(BODY).encode()
    settings.MAX_BODY_BYTES = len(content)
    assert body_of(content) == BODY
    with pytest.raises(UnreadableVisits, match="the file is larger than"):
        body_of(content + b"\n")


class Pipe(io.BytesIO):
    def seekable(self):
        return False


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_both_sides_of_the_size_of_a_table(monkeypatch, kind):
    content = file("s,noon,u")
    monkeypatch.setattr(visits_file, "MAX_TABLE_BYTES", len(content))
    assert read_visits(kind(content)).body == BODY
    with pytest.raises(UnreadableVisits, match="the file is larger than"):
        read_visits(kind(content + b"\n"))


def test_the_same_rows_are_skipped_dropped_and_rejected_as_of_stores():
    content = b"sep=;\r\nstore_id;visit_time;image_url;;\r\ns;noon;http://a/1;;\r\n;;;;\r\n;;\r\ns;noon;http://a/2\r\n"
    assert visits(content) == [("s", "noon", ["http://a/1", "http://a/2"])]
    assert problems(file("s,noon,u", "s,noon,u,x", HEADER)) == [
        (3, None, "has 4 cells where the header has 3: column D has no title but holds 'x'; "
                  "a text that holds the separator must be quoted"),
        (4, None, "repeats the header"),
    ]  # fmt: skip


@pytest.mark.parametrize("character", ["\u200b", "\ufeff", "\u00ad", "\u202e", "\x07", "\u3164"])
def test_an_invisible_character_in_an_id_is_a_problem_with_its_position(character):
    ((line, column, complaint),) = problems(file(f"s{character}1,noon,http://a/1"))
    assert (line, column) == (2, "store_id")
    assert f"character U+{ord(character):04X} at position 2: 's<U+{ord(character):04X}>1'" in complaint


def test_urls_on_lines_of_one_cell_are_told_as_several():
    assert problems(file('s,noon,"http://a/1\nhttp://a/2"'))[0] == (
        2, "image_url", "holds several URLs; give each a row of its own"
    )  # fmt: skip


def test_a_workbook_of_visits_is_read_with_its_dates():
    content = workbook(
        ["s", datetime(2026, 11, 22, 9, 30), "http://a/1"],
        ["s", datetime(2026, 11, 22, 9, 30), "http://a/2"],
        [12345, "noon", "http://a/3"],
        header=["StoreID", "Visit time", "Image URL"],
        sheet="Visits",
        Other=[["x"]],
    )
    read = read_visits(io.BytesIO(content))
    assert [(each["store_id"], each["visit_time"], len(each["image_url"])) for each in read.body["visits"]] == [
        ("s", "2026-11-22T09:30:00", 2), ("12345", "noon", 1)
    ]  # fmt: skip
    assert read.notes == [
        "The file is read as the sheet 'Visits', one of 2.",
        "'StoreID': 1 cell is a number in the workbook: leading zeros, if there were any, are lost "
        "('12345' in line 4).",
    ]
    ((line, _, complaint),) = problems(content, sheet="Other")
    assert line == 1
    assert complaint.endswith("it names 'x'; another sheet can be named with --sheet: 'Visits'")


def test_errors_and_uncomputed_formulas_of_a_workbook_are_problems_with_their_cell():
    content = workbook(["#N/A", "noon", "=A1"], header=HEADER.split(","))
    assert problems(content) == [
        (2, "store_id", "holds the error '#N/A' (cell A2)"),
        (2, "image_url", "holds a formula without its result (cell C2); open it in Excel, and save it again"),
    ]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Entry.COMMAND, "the file is neither UTF-8 nor cp1252; name the encoding it was saved in with --encoding"),
        (Entry.PAGE, "the file is neither UTF-8 nor cp1252; name the encoding it was saved in (field Encoding)"),
        (
            Entry.API,
            "the file is neither UTF-8 nor cp1252; name the encoding it was saved in with the parameter encoding",
        ),
    ],
)
def test_options_are_named_as_they_are_where_the_file_was_given(entry, said):
    with pytest.raises(UnreadableVisits) as caught:
        read_visits(io.BytesIO(b"store_id,\x81\xff"), entry=entry)
    assert caught.value.problems[0].sentence == said


def test_an_encoding_that_is_named_is_used():
    assert body_of(file("ł,noon,u", encoding="iso-8859-2"), encoding="iso-8859-2")["visits"][0]["store_id"] == "ł"


@pytest.mark.parametrize("kind", [io.BytesIO, Pipe])
def test_what_comes_through_a_pipe_is_read_alike(kind):
    for content in (
        file("s,noon,u"),
        workbook(["s", "noon", "u"], header=HEADER.split(",")),
        json.dumps(BODY).encode(),
    ):
        assert read_visits(kind(content)).body == BODY


@pytest.mark.parametrize("encoding", ["iso-8859-2", "utf-16", "utf-16le", "gb18030", "utf-8-sig"])
@pytest.mark.parametrize("option", ["encoding", "declared"])
def test_json_and_lines_of_json_are_read_in_the_encoding_that_is_named(encoding, option):
    row = {"store_id": "\u0141-1", "visit_time": "noon", "image_url": "http://h/1"}
    whole = {"count": 1, "visits": [row | {"image_url": ["http://h/1"]}]}
    if encoding.startswith("gb"):
        row["store_id"] = whole["visits"][0]["store_id"] = "\u5e97"
    lines = [json.dumps(each, ensure_ascii=False).encode(encoding) for each in (row, whole)]
    assert [body_of(line, **{option: encoding}) for line in lines] == [whole, whole]


@pytest.mark.parametrize("kind", ["json", "ndjson", "csv"])
@pytest.mark.parametrize(
    ("encoding", "said"),
    [("klingon", "is not known"), ("utf-16", "not utf-16"), ("ascii", "not ascii"), ("cp1252", "byte order mark")],
)
def test_a_wrong_encoding_is_told_alike_of_every_kind(kind, encoding, said):
    content = {
        "json": '{"count": 0, "visits": [], "x": "Ł"}',
        "ndjson": '{"store_id": "Ł", "visit_time": "t", "image_url": "http://h/1"}\n',
        "csv": "store_id,visit_time,image_url\nŁ,t,http://h/1\n",
    }[kind]
    with pytest.raises(UnreadableVisits, match=said):
        body_of(("\ufeff" * (encoding == "cp1252") + content).encode(), encoding=encoding)
