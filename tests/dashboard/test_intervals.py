"""Where do the lines of figures and their intervals lie?"""

from django.template.loader import render_to_string

from dashboard.intervals import LARGEST, intervals
from insights.figures import Figure

WIDE, NARROW, UNKNOWN = Figure(0.1, 0.05, 0.2, 100), Figure(0.02, 0.0, 0.05, 100), Figure.unknown(3)


def test_all_rows_are_on_one_scale_from_zero_on():
    found = intervals([[WIDE], [UNKNOWN], [NARROW]], 0.05)
    (wide,), none, (narrow,) = found.rows
    assert none == []
    assert wide.high == LARGEST
    assert wide.low == narrow.high == found.middle
    assert narrow.low == 0


def test_the_middle_is_on_the_scale_where_it_is_the_largest():
    assert intervals([[NARROW]], 0.5).middle == LARGEST


def test_two_figures_of_a_row_are_below_each_other():
    ((first, second),) = intervals([[WIDE, NARROW]]).rows
    assert 0 <= first.top < first.bottom <= second.top < second.bottom <= 100
    assert (first.is_beside, second.is_beside) == (False, True)


def test_what_is_compared_with_stays_below_where_the_first_is_not_known():
    ((known,),) = intervals([[UNKNOWN, NARROW]]).rows
    assert known.is_beside
    assert known.y > 50


def test_figures_that_are_all_zero_are_drawn_at_zero():
    ((zero,),) = intervals([[Figure(0.0, 0.0, 0.0, 100)]], 0.0).rows
    assert (zero.low, zero.value, zero.high) == (0, 0, 0)


def test_without_a_known_figure_nothing_is_drawn():
    for drawn in intervals([[UNKNOWN], [UNKNOWN, UNKNOWN]]).rows:
        assert render_to_string("dashboard/parts/intervals.html", {"drawn": drawn, "label": "x"}).strip() == ""
