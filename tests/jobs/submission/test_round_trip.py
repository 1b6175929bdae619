"""What JSON accepts, the export writes, and a file takes back."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.models import ImageFilter, Job
from jobs.reporting.exports import ExportFormat, write
from jobs.submission.payload import MAX_STORE_ID, MAX_URL, MAX_VISIT_TIME, parse_submission
from jobs.submission.submit import submit
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import read_visits
from tests.factories import make_stores

FORMS = pytest.mark.parametrize("form", ["csv", "ndjson"])
ODD = [
    "a,b", 'a"b', '"', '""', "a\nb", "a\r\nb", "a\rb", "\n", " ", "\t", " a ", "a;b", "a\tb", "a|b",
    "=1+1", '="000123"',
    "+1", "-1", "@a", "'a", "''a", "'=1", "''=1", "\t=1", "\uff1d1", "#N/A", "8.90123E+11", "nan", "store_id", "sep=;",
    "{", "[", "<html>", "%PDF-", "\u200b", "a\u200bb", "\ufeff", "\ufeffa", "\u202eb", "\u2028", "\x85", "\x1b[2J",
    "\x7f",
    "\u00a0", "店", "\U0001f600", "e\u0301", "\u00e9", "\\", "\\n", "\\u0041", "null", "NULL", "\\N", "\\.", "_x000D_",
]  # fmt: skip


def exported(visits, form):
    job = Job.objects.get(pk=submit(parse_submission(body_of(visits)).visits).job_id)
    file = io.BytesIO()
    write(job.pk, ImageFilter(), ExportFormat(form), file)
    return file


def body_of(visits):
    rows = [{"store_id": store, "visit_time": time, "image_url": urls} for store, time, urls in visits]
    return {"count": len(rows), "visits": rows}


def taken_back(file):
    return read_visits(file).body


@FORMS
@pytest.mark.django_db
def test_odd_values_come_back_as_they_were_sent(form):
    make_stores("店")
    urls = [text for text in ODD if text.isprintable() or text in "\u200b\u00a0\ufeff\u202e\u2028"]
    visits = [(text, other, urls) for text, other in zip(ODD, reversed(ODD), strict=True)]
    assert taken_back(exported(visits, form)) == body_of(visits)


@FORMS
@pytest.mark.django_db
def test_the_longest_values_come_back(form):
    visits = [("s" * MAX_STORE_ID, "t" * MAX_VISIT_TIME, ["u" * MAX_URL] * 2)]
    assert taken_back(exported(visits, form)) == body_of(visits)


def words(longest):
    return st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=longest)


URLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


SCOPED_AND_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@FORMS
@pytest.mark.django_db
@settings(deadline=None, max_examples=25, suppress_health_check=SCOPED_AND_SLOW)
@given(drawn=st.lists(st.tuples(words(64), words(20), st.lists(URLS, min_size=1, max_size=3)), min_size=1, max_size=9))
def test_whatever_json_accepts_comes_back(form, drawn):
    # Visits to one store at one time are one visit in a table.
    visits = list({(store, time): (store, time, urls) for store, time, urls in drawn}.values())
    assert taken_back(exported(visits, form)) == body_of(visits)


@FORMS
@pytest.mark.django_db
def test_visits_that_are_told_twice_become_one(form):
    visits = [("s", "t", ["a"]), ("x", "t", ["b"]), ("s", "t", ["c"])]
    assert taken_back(exported(visits, form)) == body_of([("s", "t", ["a", "c"]), ("x", "t", ["b"])])


@pytest.mark.django_db
def test_an_export_larger_than_a_body_is_taken_back(settings):
    visits = [(f"s{number}", "t", ["http://a.test/1"]) for number in range(50)]
    files = [exported(visits, form) for form in ("csv", "ndjson")]
    settings.MAX_BODY_BYTES = 1_000
    assert [taken_back(file) for file in files] == [body_of(visits)] * 2


def test_a_table_that_only_resembles_an_export_is_held_to_the_rules_of_tables():
    content = "image_url,store_id,visit_time\nu, s,t\nu,s\u200b,t\n".encode()
    with pytest.raises(UnreadableVisits) as caught:
        read_visits(io.BytesIO(content))
    assert [(problem.line, problem.complaint) for problem in caught.value.problems] == [
        (2, "begins or ends with white space"),
        (3, "holds the invisible character U+200B at position 2: 's<U+200B>'"),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"store_id": "s", "visit_time": "t"}', "line 2, 'image_url': is missing"),
        ('{"store_id": 7, "visit_time": "t", "image_url": "u"}', "line 2, 'store_id': must be a string"),
        ('{"store_id": "", "visit_time": "t", "image_url": "u"}', "line 2, 'store_id': must be a string of 1 to 64"),
        ('{"store_id": "s", "visit_time": "t", "image_url": "\\n"}', "line 2, 'image_url': must be a string of 1 to"),
        ("[]", "line 2: must be an object with store_id, visit_time and image_url"),
        ('{"store_id": ', "line 2: is not JSON: "),
        (
            '{"store_id": "\\u0000", "visit_time": "t", "image_url": "u"}',
            "line 2: cannot be read: a string holds a NUL",
        ),
    ],
)
def test_a_fault_of_an_export_by_lines_is_named_with_its_line(line, said):
    good = '{"store_id": "s", "visit_time": "t", "image_url": "u"}'
    with pytest.raises(UnreadableVisits) as caught:
        read_visits(io.BytesIO(f"{good}\n{line}\n{good}\n".encode()), "e.ndjson")
    assert str(caught.value).startswith(f"e.ndjson: {said}")


@pytest.mark.parametrize("rows", [1, 2])
def test_one_line_is_an_export_too(rows):
    line = b'{"store_id": "s", "visit_time": "t", "image_url": "u", "state": "failed"}\n'
    assert taken_back(io.BytesIO(line * rows)) == body_of([("s", "t", ["u"] * rows)])
