"""Which texts are times?"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.submission.dates import read_instant, read_period

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z", "2026-01-31t12:00:00z", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00-00:00", "2026-01-31T17:30:00+05:30", "2026-01-31T17:30+0530", "2026-01-31T07-05",
        "2026-01-31T12:00:00", "2026-01-31T12:00", "2026-01-31T12", "2026-01-31T12:00:00.000Z",
        "2026-01-31T12:00:00,0Z", "2026-01-31T12:00:00.0000009Z", "20260131T120000Z", "2026-W05-6T12:00Z",
        "2026W056T1200Z",
    ],
)  # fmt: skip
def test_iso_8601_is_read(text):
    assert read_instant(text) == NOON
    assert read_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-01-31", "20260131", "2026-W05-6"])
def test_a_date_alone_is_its_day_in_utc(text):
    midnight = NOON.replace(hour=0)

    assert read_instant(text) == midnight
    assert read_period(text) == (midnight, midnight + timedelta(days=1))


def test_an_instant_lasts_a_microsecond():
    assert read_period("2026-01-31T12:00:00Z") == (NOON, NOON + timedelta(microseconds=1))


@pytest.mark.parametrize(
    "text",
    [
        "time of store visit", "", " ", "2026", "2026-01", "31.01.2026", "01/31/2026", "2026-1-31", "2026-02-30",
        "2026-13-01", "0000-01-01", "10000-01-01", "-2026-01-31", "2026-01-31T", "2026-01-31x12:00",
        "2026-01-31T25:00", "2026-01-31T12:60", "2016-12-31T23:59:60Z", "2026-01-31T12:00:00+99:99",
        "2026-01-31T12:00:00+24:00", "2026-01-31T12:00:00 Z", "2026-01-31T12:00:00ZZ", "2026-01-31T12:00:00Z\n",
        " 2026-01-31",
        "\uff12\uff10\uff12\uff16-01-31", "\u0662\u0660\u0662\u0666-01-31",
        "1769860800", "1769860800.5", "2026-W54-1", "2026-W05",
        "2026-031", "20260131120000", "now", "2026-01-31T12:00:00[UTC]", "P1D", "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)  # fmt: skip
def test_what_is_not_a_time_is_none(text):
    assert read_instant(text) is None
    assert read_period(text) is None


def test_the_calendars_first_and_last_instants_are_read():
    assert read_instant("0001-01-01") == datetime.min.replace(tzinfo=UTC)
    assert read_instant("9999-12-31T23:59:59.999999Z") == datetime.max.replace(tzinfo=UTC)
    assert read_period("9999-12-31")[1] == datetime.max.replace(tzinfo=UTC)


@given(st.text(max_size=200) | st.from_regex(r"\d{4}-?(W?\d\d)-?\d\d?([T ][\d:.,]{1,15}[Z+-]?[\d:]{0,5})?"))
def test_no_text_raises(text):
    period = read_period(text)
    if period is not None:
        assert period[0] <= period[1]


@given(st.datetimes(timezones=st.timezones()))
def test_every_datetime_is_read_back(instant):
    try:
        expected = instant.astimezone(UTC)
    except OverflowError:
        expected = None
    # Offsets with seconds, from before standard time, are not RFC 3339.
    if instant.utcoffset().total_seconds() % 60 == 0:
        assert read_instant(instant.isoformat()) == expected
