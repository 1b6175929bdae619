"""Is what a long statement found read once for all until the next refresh, and anew before that is shown?"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from insights import kept, reading
from insights.hours import hour_of_week
from insights.models import KeptRows, Refreshed, VisitSummary
from insights.scope import Scope, as_of

pytestmark = pytest.mark.django_db
MARK = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = MARK + timedelta(minutes=1)
# It finds another number each time.
COUNTED = "SELECT nextval('counted') + %s"


@pytest.fixture(autouse=True)
def refreshed(monkeypatch):
    monkeypatch.setattr(reading, "LONG_SECONDS", 0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY SEQUENCE counted")
    yield Refreshed.objects.create(pk=1, mark=MARK)
    with connection.cursor() as cursor:
        cursor.execute("DROP SEQUENCE IF EXISTS counted")


def count(offset=0):
    ((number,),) = reading.rows(COUNTED, [offset])
    return number


def move_mark():
    Refreshed.objects.update(mark=LATER)


def test_it_is_read_once_for_a_mark_and_once_for_each_of_its_parameters():
    assert [count(), count(), count(100), count(), count(100)] == [1, 1, 102, 1, 102]
    move_mark()
    assert [count(), count()] == [3, 3]


def test_what_is_fast_or_of_no_mark_or_of_too_many_rows_is_not_kept(monkeypatch):
    monkeypatch.setattr(reading, "LONG_SECONDS", 60)
    assert [count(), count()] == [1, 2]
    monkeypatch.setattr(reading, "LONG_SECONDS", 0)
    monkeypatch.setattr(reading, "MOST_ROWS", 0)
    assert [count(), count()] == [3, 4]
    monkeypatch.setattr(reading, "MOST_ROWS", 1)
    Refreshed.objects.all().delete()
    assert [count(), count()] == [5, 6]
    assert not KeptRows.objects.exists()


def test_what_is_kept_is_what_was_read():
    values = [1, 2.5, 0.1 + 0.2, "a", "", None, True, Decimal("1234567890123456789.5"), date(2026, 3, 2), MARK, [1, 2]]
    columns = "%s::int, %s::float8, %s::float8, %s, %s, %s::text, %s, %s::numeric, %s::date, %s::timestamptz, %s::int[]"
    read = [reading.rows(f"SELECT {columns}, json_build_object('1', 2)", values) for _ in range(2)]
    assert read[0] == read[1] == [(*values, {"1": 2})]
    assert [type(value) for value in read[0][0]] == [type(value) for value in read[1][0]]
    assert KeptRows.objects.count() == 1


def test_a_new_mark_is_shown_once_what_is_wanted_has_been_read_for_it():
    count(), count(100)
    reading.hold()
    move_mark()
    assert as_of() == MARK
    for _ in reading.renewed():
        assert (as_of(), count()) == (MARK, 1)
    assert as_of() == LATER
    # Nobody has to wait for it: these were read by then.
    assert sorted([count(), count(100) - 100]) == [3, 4]
    assert set(KeptRows.objects.values_list("mark", flat=True)) == {LATER}


def test_where_nothing_is_wanted_a_new_mark_is_shown_at_once():
    count()
    KeptRows.objects.update(wanted_at=Now() - reading.WANTED)
    reading.hold()
    move_mark()
    assert as_of() == LATER
    assert list(reading.renewed()) == []
    assert not KeptRows.objects.exists()
    assert count() == 2


def test_who_goes_on_after_a_refresher_that_has_gone_shows_the_mark_in_the_end():
    count()
    reading.hold()
    move_mark()
    next(reading.renewed())
    reading.hold()
    Refreshed.objects.update(mark=LATER + timedelta(minutes=1))
    assert as_of() == MARK
    list(reading.renewed())
    assert as_of() == LATER + timedelta(minutes=1)
    assert Refreshed.objects.get().shown is None


def test_what_is_wanted_stays_so_by_being_asked_for_and_not_by_being_read_anew():
    count()
    KeptRows.objects.update(wanted_at=Now() - 2 * reading.WANTED_STEP)
    before = KeptRows.objects.get().wanted_at
    move_mark()
    list(reading.renewed())
    assert KeptRows.objects.get().wanted_at == before
    count()
    assert KeptRows.objects.get().wanted_at > before


def test_where_nobody_refreshes_it_is_read_again_after_a_while():
    count()
    KeptRows.objects.update(made_at=Now() - reading.OLDEST)
    count(100)
    assert [count(), count()] == [3, 3]
    # What nobody asks for any more is gone, however many there were.
    KeptRows.objects.update(made_at=Now() - reading.OLDEST)
    count(200)
    assert KeptRows.objects.count() == 1


def test_nobody_gets_what_was_read_for_somebody_else_and_everybody_gets_the_same_as_before():
    alice, boss = User.objects.create_user("alice"), User.objects.create_superuser("boss")
    for visit_id, owner in enumerate((alice, alice, boss, None, None, None), start=1):
        VisitSummary.objects.create(
            visit_id=visit_id, job_id=1, store_id="S1", owner_id=owner and owner.pk, visited_at=MARK, images=1,
            completed=1, failed=0, unprocessed=0, fetched=1, fetch_ms=1,
        )  # fmt: skip
    day = MARK.date()
    for _ in range(2):
        kept.forget()
        read = [hour_of_week(Scope(user, day, day), as_of()).visits for user in (alice, boss, None)]
        assert read == [2, 6, 3]
    assert KeptRows.objects.count() == 3


@pytest.mark.parametrize("most", [0, 1, 2])
def test_so_many_are_read_anew_at_most_those_that_were_wanted_last(monkeypatch, most):
    count(), count(100)
    KeptRows.objects.filter(parameters="[0]").update(wanted_at=Now() - reading.WANTED_STEP)
    monkeypatch.setattr(reading, "MOST_WANTED", most)
    move_mark()
    list(reading.renewed())
    assert set(KeptRows.objects.values_list("parameters", flat=True)) == set(["[100]", "[0]"][:most])


def test_a_statement_that_fails_is_forgotten_and_the_mark_is_shown(caplog):
    count()
    with connection.cursor() as cursor:
        cursor.execute("DROP SEQUENCE counted")
    reading.hold()
    move_mark()
    list(reading.renewed())
    assert (as_of(), KeptRows.objects.count()) == (LATER, 0)
    with pytest.raises(DatabaseError), transaction.atomic():
        count()
