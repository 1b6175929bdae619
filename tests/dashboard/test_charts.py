"""The geometry of plots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.template.loader import render_to_string

from dashboard.charts import BOTTOM, HEIGHT, TOP, columns, nice

START = datetime(2026, 1, 2, 23, 59, 30, tzinfo=UTC)
ROOM = HEIGHT - TOP - BOTTOM


def plot(*counts, seconds=10):
    return columns(
        "key", "Images", [START + timedelta(seconds=seconds * n) for n in range(len(counts))], counts, seconds
    )


def test_failed_images_are_drawn_above_the_completed_ones_and_the_highest_line_is_the_top():
    (column,) = plot((6, 4)).columns
    assert (column.completed_height, column.failed_height) == pytest.approx((ROOM * 0.6, ROOM * 0.4))
    assert column.completed_y + column.completed_height == HEIGHT - BOTTOM
    assert column.failed_y + column.failed_height == pytest.approx(column.completed_y)
    assert column.failed_y == TOP


def test_columns_share_the_width_in_order_without_touching():
    drawn = plot(*[(1, 0)] * 60).columns
    assert all(a.x + a.width < b.x for a, b in pairwise(drawn))
    assert drawn[0].x > 0
    assert drawn[-1].x + drawn[-1].width < 100


def test_the_title_says_how_many_from_when_to_when_and_the_description_how_many_failed():
    drawn = plot((6, 4), (0, 0), (2, 0))
    assert drawn.title == "Images, n = 12, 2026-01-02 23:59:30 UTC to 01-03 00:00 UTC"
    assert "8 completed and 4 failed in 3 intervals of 10 s; the most were 10" in drawn.description


def test_the_table_holds_the_intervals_in_which_there_was_anything():
    assert [(row.completed, row.failed) for row in plot((6, 4), (0, 0), (0, 2)).rows] == [(6, 4), (0, 2)]


def test_nothing_at_all_is_drawn_as_nothing():
    (column,) = plot((0, 0)).columns
    assert (column.completed_height, column.failed_height) == (0, 0)


@pytest.mark.parametrize("counts", [[], [(1, 1), (1, 1)]])
def test_counts_and_intervals_must_match(counts):
    with pytest.raises(ValueError, match="there must be a count for each"):
        columns("key", "Images", [START] if counts else [], counts, 10)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (2, 2), (3, 5), (5, 5), (6, 10), (10, 10), (11, 20), (501, 1000)]
)
def test_the_highest_line_is_a_round_number_not_below_the_highest_column(most, top):
    assert nice(most) == top


def test_no_line_is_drawn_for_half_an_image():
    assert [tick.label for tick in plot((5, 0)).down] == ["5"]
    assert [tick.label for tick in plot((10, 0)).down] == ["5", "10"]


@pytest.mark.parametrize(
    ("images", "label"),
    [(1, "1 image"), (2, "2 images"), (1_000, "1,000 images"), (2_000_000, "2,000,000 images")],
)
def test_the_highest_line_says_how_many_images_it_is(images, label):
    drawn = render_to_string("dashboard/parts/columns.html", {"chart": plot((images, 0))})
    assert f">{label}</text>" in drawn
