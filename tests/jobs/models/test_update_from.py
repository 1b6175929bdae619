"""One UPDATE that gives every row values of its own."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.exceptions import FieldError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DataError, IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from jobs.models import ImageResult, Job, PausedHost, Visit, Worker
from jobs.models.expressions import FromRow, Given, Seconds
from jobs.models.given_rows import GivenRows
from jobs.models.update_from import UpdateFrom
from jobs.states import ImageState
from tests.factories import pause_host, submit_job, submit_visits

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.fixture
def images():
    return list(ImageResult.objects.filter(job=submit_job(3)).order_by("pk"))


def values(*names):
    return list(ImageResult.objects.order_by("pk").values_list(*names))


def test_each_row_gets_its_own_values(images):
    rows = [{"id": image.pk, "rank": number / 3, "attempts": number} for number, image in enumerate(images)]
    assert ImageResult.objects.update_from(rows, fields=["rank", "attempts"]) == 3
    assert values("rank", "attempts") == [(0.0, 0), (1 / 3, 1), (2 / 3, 2)]


def test_only_the_fields_named_are_set(images):
    before = ImageResult.objects.filter(pk=images[0].pk).values().get()
    ImageResult.objects.update_from([{"id": images[0].pk, "attempts": 7}], fields=["attempts"])
    assert ImageResult.objects.filter(pk=images[0].pk).values().get() == {**before, "attempts": 7}


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert ImageResult.objects.update_from([], fields=["attempts"]) == 0


def test_any_number_of_rows_is_one_statement(images, django_assert_num_queries):
    with django_assert_num_queries(1):
        ImageResult.objects.update_from([{"id": image.pk, "attempts": 1} for image in images], fields=["attempts"])


def test_a_row_that_matches_nothing_changes_nothing(images):
    rows = [{"id": images[0].pk, "attempts": 1}, {"id": 10**12, "attempts": 9}]
    assert ImageResult.objects.update_from(rows, fields=["attempts"]) == 1
    assert values("attempts") == [(1,), (0,), (0,)]


def test_a_row_must_match_in_every_field_named(images):
    rows = [{"id": image.pk, "claim_no": number, "attempts": 5} for number, image in enumerate(images)]
    assert ImageResult.objects.update_from(rows, match=["id", "claim_no"], fields=["attempts"]) == 1
    assert values("attempts") == [(5,), (0,), (0,)]


def test_null_matches_nothing(images):
    rows = [{"claimed_by": None, "attempts": 5}]
    assert ImageResult.objects.update_from(rows, match=["claimed_by"], fields=["attempts"]) == 0


def test_rows_outside_the_queryset_are_left_alone(images):
    rows = [{"id": image.pk, "attempts": 4} for image in images]
    first = ImageResult.objects.filter(pk=images[0].pk)
    assert first.update_from(rows, fields=["attempts"]) == 1
    assert ImageResult.objects.completed().update_from(rows, fields=["attempts"]) == 0
    assert ImageResult.objects.none().update_from(rows, fields=["attempts"]) == 0
    assert ImageResult.objects.filter(pk__in=[]).update_from(rows, fields=["attempts"]) == 0
    assert values("attempts") == [(4,), (0,), (0,)]
    assert ImageResult.objects.exclude(pk__in=[]).update_from(rows, fields=["attempts"]) == 3


def test_a_queryset_of_this_or_that_still_matches_row_by_row(images):
    either = ImageResult.objects.filter(pk=images[0].pk) | ImageResult.objects.filter(pk=images[1].pk)
    assert either.update_from([{"id": images[1].pk, "attempts": 3}], fields=["attempts"]) == 1
    assert values("attempts") == [(0,), (3,), (0,)]


def test_a_queryset_may_ask_other_tables_in_a_subquery(images):
    other = submit_job(1)
    rows = [{"id": pk, "attempts": 2} for pk in ImageResult.objects.values_list("pk", flat=True)]
    mine = ImageResult.objects.filter(visit__in=Visit.objects.filter(job=other))
    assert mine.update_from(rows, fields=["attempts"]) == 1
    with pytest.raises(FieldError, match="another table"):
        ImageResult.objects.filter(job__status="ongoing").update_from(rows, fields=["attempts"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bytes", None),
        ("bytes", 2**63 - 1),
        ("bytes", 0),
        ("held", True),
        ("held", False),
        ("rank", 0.1 + 0.2),
        ("rank", 1.7976931348623157e308),
        ("rank", 5e-324),
        ("rank", float("inf")),
        ("rank", float("-inf")),
        ("run_after", MOMENT),
        ("run_after", MOMENT.replace(year=1)),
        ("run_after", None),
        ("gpu_result", None),
        ("gpu_result", {"a": [1, 2.5, None, True, "ü\"'\\%s{}"], "": {}}),
        ("gpu_result", [1, [2, [3]]]),
        ("gpu_result", "text"),
        ("gpu_result", 0),
        ("gpu_result", False),
        ("url", "x" * 2048),
        ("url", "'; DROP TABLE jobs_job; -- %s %% {0} $1 \\ \" \u2028 \U0001f600 e\u0301 \ufffe"),
        ("url", ""),
        ("url", "\x01\x1f\x7f\t\r\n"),
    ],
)
def test_what_was_given_is_what_is_read(images, field, value):
    ImageResult.objects.update_from([{"id": images[0].pk, field: value}], fields=[field])
    read = ImageResult.objects.values_list(field, flat=True).get(pk=images[0].pk)
    assert read == value
    assert type(read) is type(value)


def test_false_in_json_is_no_null(images):
    ImageResult.objects.update_from([{"id": images[0].pk, "gpu_result": None}], fields=["gpu_result"])
    assert ImageResult.objects.filter(gpu_result__isnull=True).count() == 3
    ImageResult.objects.update_from([{"id": images[0].pk, "gpu_result": False}], fields=["gpu_result"])
    assert ImageResult.objects.filter(gpu_result__isnull=True).count() == 2


def test_values_are_converted_as_the_field_converts_them(images):
    first, second, third = images
    rows = [
        {"id": str(first.pk), "attempts": "7", "error_message": "", "state": ImageState.PENDING, "held": 1},
        {"id": second.pk, "attempts": True, "error_message": "", "state": "pending", "held": "False"},
        {"id": third.pk, "attempts": 3.0, "error_message": "", "state": "pending", "held": False},
    ]
    ImageResult.objects.update_from(rows, fields=["attempts", "error_message", "state", "held"])
    assert values("attempts", "state", "held") == [
        (7, "pending", True),
        (1, "pending", False),
        (3, "pending", False),
    ]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("url", "a\0b", (DataError, ValueError)),
        ("url", "x" * 2049, DataError),
        ("attempts", 2**31, DataError),
        ("attempts", -1, IntegrityError),
        ("attempts", "seven", ValueError),
        ("attempts", None, IntegrityError),
        ("run_after", "yesterday", Exception),
        ("gpu_result", float("nan"), DataError),
        ("gpu_result", {1, 2}, TypeError),
        ("attempts", F("crashes"), TypeError),
        ("gpu_result", Value(None, models.JSONField()), TypeError),
        ("state", "x" * 17, DataError),
    ],
)
def test_what_the_column_cannot_hold_is_refused(images, field, value, error):
    with pytest.raises(error), transaction.atomic():
        ImageResult.objects.update_from([{"id": images[0].pk, field: value}], fields=[field])
    assert getattr(ImageResult.objects.get(pk=images[0].pk), field) == getattr(images[0], field)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fields": ["attemps"]}, "ImageResult has no column 'attemps'"),
        ({"match": ["idd"]}, "ImageResult has no column 'idd'"),
        ({"fields": ["failed_attempts"]}, "ImageResult has no column 'failed_attempts'"),
        ({"fields": ["host"]}, "ImageResult.host is worked out by the database"),
        ({"match": []}, "must name a field"),
        ({"crushes": Value(1)}, "ImageResult has no column 'crushes'"),
        ({"crashes": FromRow("wait")}, "The rows hold no 'wait'. They hold: id, attempts."),
    ],
)
def test_a_wrong_name_is_told_by_name(changes, said):
    with pytest.raises(FieldError, match=said):
        ImageResult.objects.update_from([{"id": 1, "attempts": 1}], **{"fields": ["attempts"], **changes})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1}, "A row has no 'attempts'."),
        ({"id": 1, "attempts": 1, "crashes": 1}, "A row has 'crashes' that is not asked for."),
        ({"pk": 1, "attempts": 1}, "A row has no 'id' and 'pk' that is not asked for."),
    ],
)
def test_a_row_holds_exactly_what_is_asked_for(row, said):
    with pytest.raises(FieldError, match=said):
        ImageResult.objects.update_from([{"id": 2, "attempts": 1}, row], fields=["attempts"])


def test_what_is_sliced_or_distinct_is_not_updated():
    for queryset in (ImageResult.objects.all()[:1], ImageResult.objects.distinct("job")):
        with pytest.raises(TypeError, match="sliced, distinct or combined"):
            queryset.update_from([{"id": 1, "attempts": 1}], fields=["attempts"])


def test_expressions_see_the_row_and_what_was_there_before(images):
    ImageResult.objects.update(attempts=10, run_after=MOMENT)
    rows = [{"id": image.pk, "attempts": number, "wait": 1.5} for number, image in enumerate(images)]
    ImageResult.objects.update_from(
        rows,
        fields=["attempts"],
        also={"wait": models.FloatField()},
        attempts=F("attempts") + FromRow("attempts"),
        run_after=F("run_after") + Seconds(FromRow("wait")),
        crashes=Coalesce(FromRow("attempts"), 0) * 2,
    )
    later = MOMENT + timedelta(seconds=1.5)
    assert values("attempts", "run_after", "crashes") == [(10, later, 0), (11, later, 2), (12, later, 4)]


def test_a_foreign_key_is_matched_by_its_number(images):
    other = submit_job(2)
    rows = [{"job": other.pk, "attempts": 6}]
    assert ImageResult.objects.update_from(rows, match=["job"], fields=["attempts"]) == 2


def test_a_column_with_a_collation_is_matched_by_it():
    pause_host("a.example:443")
    rows = [{"name": "a.example:443", "number": 4}]
    update = UpdateFrom(PausedHost.objects.all, match=["name"], fields=["number"])
    assert update(rows) == 1
    assert PausedHost.objects.get().number == 4


def test_a_compiled_update_is_executed_with_other_values_each_time(images):
    update = UpdateFrom(
        lambda: ImageResult.objects.filter(job_id=Given("job")),
        fields=["attempts"],
        crashes=Given("crashes"),
        returning=["id", "attempts", "gpu_result"],
    )
    ImageResult.objects.update(gpu_result={"a": 1})
    rows = [{"id": images[0].pk, "attempts": 1}]
    assert update.returned(rows, job=images[0].job_id, crashes=2) == [(images[0].pk, 1, {"a": 1})]
    assert update.returned(rows, job=images[0].job_id + 1, crashes=3) == []
    assert update([{"id": images[1].pk, "attempts": 5}], job=images[0].job_id, crashes=4) == 1
    assert update([], job=images[0].job_id, crashes=4) == 0
    assert values("attempts", "crashes") == [(1, 2), (5, 4), (0, 0)]


def test_every_model_of_the_queue_can_be_updated_from_its_own_fields():
    """Nothing but the model's own fields says what its columns are."""
    submit_visits(("S", ["http://s/1"]))
    Worker.objects.create(host="h", pid=1, seats=1)
    pause_host("a.example:443")
    for model in (ImageResult, Job, Visit, Worker, PausedHost):
        fields = [each.name for each in model._meta.concrete_fields if not each.generated and not each.primary_key]
        before = list(model.objects.order_by("pk").values())
        rows = [
            {name: getattr(each, model._meta.get_field(name).attname) for name in ["id", *fields]}
            for each in model.objects.all()
        ]
        assert UpdateFrom(model.objects.all, fields=fields)(rows) == len(before)
        assert list(model.objects.order_by("pk").values()) == before


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
# Offsets of whole minutes are all that ISO 8601 and PostgreSQL's text share; the service knows none but UTC.
MOMENTS = st.datetimes(timezones=st.just(UTC))
KINDS = {
    "small": (models.SmallIntegerField(), st.integers(-(2**15), 2**15 - 1)),
    "whole": (models.IntegerField(), st.integers(-(2**31), 2**31 - 1)),
    "big": (models.BigIntegerField(), st.integers(-(2**63), 2**63 - 1)),
    "yes": (models.BooleanField(), st.booleans()),
    "real": (models.FloatField(), st.floats(allow_nan=False)),
    "exact": (models.DecimalField(max_digits=12, decimal_places=4), st.decimals(-9999, 9999, places=4)),
    "words": (models.CharField(max_length=40), TEXT),
    "prose": (models.TextField(), TEXT),
    "moment": (models.DateTimeField(), MOMENTS),
    "day": (models.DateField(), st.dates()),
    "hour": (models.TimeField(), st.times()),
    "span": (models.DurationField(), st.timedeltas(timedelta(days=-10_000), timedelta(days=10_000))),
    "name": (models.UUIDField(), st.uuids()),
    "raw": (models.BinaryField(), st.binary(max_size=30)),
    "tree": (models.JSONField(), JSON.filter(lambda value: value is not None)),
}


class TestEveryValue(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(st.fixed_dictionaries({name: st.none() | kind for name, (_, kind) in KINDS.items()}))
    def test_arrives_as_it_was_sent(self, row):
        rows = GivenRows({name: field for name, (field, _) in KINDS.items()})
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {rows.as_sql(connection)}", [rows.as_parameter([row], connection)])
            read = dict(zip(KINDS, cursor.fetchone(), strict=True))
        field = models.JSONField()
        read["tree"] = field.from_db_value(read["tree"], None, connection)
        read["raw"] = None if read["raw"] is None else bytes(read["raw"])
        assert read == row


def test_json_is_written_by_the_encoder_of_its_field():
    rows = GivenRows({"tree": models.JSONField(encoder=DjangoJSONEncoder)})
    sent = {"at": MOMENT, "id": UUID(int=7), "cost": Decimal("1.50"), "on": date(2026, 1, 2), "by": time(3, 4)}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row.tree::text FROM {rows.as_sql(connection)}", [rows.as_parameter([{"tree": sent}], connection)]
        )
        read = models.JSONField().from_db_value(cursor.fetchone()[0], None, connection)
    assert read == {
        "at": "2026-02-28T23:59:59.999Z",
        "id": str(UUID(int=7)),
        "cost": "1.50",
        "on": "2026-01-02",
        "by": "03:04:00",
    }
