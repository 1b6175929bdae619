"""How times, sizes and addresses are written."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.words import SHORT_URL, age, duration, query, short_url, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0, "0 ms"), (0.25, "250 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1, "1 s"), (9.94, "9.9 s"),
        (9.96, "10 s"), (59.6, "1 min"), (80, "1 min 20 s"), (3600, "1 h"), (3661, "1 h 1 min"), (90_000, "1 d 1 h"),
        (86_400 * 1500, "1,500 d"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [(0, "just now"), (6, "6 s ago"), (61, "1 min ago"), (7200.5, "2 h ago"), (-7201, "in 2 h"), (200_000, "2 d ago")],
)
def test_an_age_has_one_unit_and_keeps_the_instant(ago, text):
    moment = timezone.now() - timedelta(seconds=ago)
    assert age(moment).endswith(f">{text}</time>")
    assert f'datetime="{moment.isoformat()}"' in age(moment)
    assert f"{moment:%Y-%m-%d %H:%M:%S} UTC" in age(moment)


def test_what_has_not_happened_has_no_age():
    assert age(None) == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, ""), (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (999_949, "999.9 kB"),
        (999_950, "1.0 MB"), (25 * 2**20, "26.2 MB"), (10**18, "1,000.0 PB"),
    ],
)  # fmt: skip
def test_a_size_has_decimal_units(number, text):
    assert size(number) == text


def test_a_short_url_keeps_host_and_end_and_never_the_password():
    assert short_url("https://anna:secret@images.test/a.jpg?x=1") == "images.test/a.jpg"
    long = short_url(f"https://images.test/{'deep/' * 30}photo.jpg")
    assert len(long) == SHORT_URL
    assert long.startswith("images.test…")
    assert long.endswith("/photo.jpg")


@pytest.mark.parametrize("text", ["http://[", "", "no address", "x" * 2048, "http://" + "h" * 300])
def test_what_is_no_address_is_only_cut(text):
    assert len(short_url(text)) <= SHORT_URL


def test_a_query_is_encoded():
    assert query({"host": "a&b", "area": ""}) == "host=a%26b&area="
