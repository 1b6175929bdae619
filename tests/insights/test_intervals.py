"""How sure is a figure whose observations come in blocks of days?"""

import pytest

from insights.figures import FEWEST, ONE_BLOCK, TOO_FEW
from insights.statistics import Blocks, mean, rate, student, wilson, worth


def test_wilsons_interval_is_the_textbooks():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for failed, images, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson(failed / images, images) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (3, 3.182), (6, 2.447), (12, 2.179), (90, 1.987)]
)
def test_students_quantile_is_the_tables(degrees, quantile):
    assert student(degrees) == pytest.approx(quantile, rel=1.5e-3)


def test_below_thirty_images_there_is_no_rate():
    assert rate(Blocks.of([(1, 10), (1, 19)])).as_json() == {"value": None, "n": FEWEST - 1, "why": TOO_FEW}
    assert rate(Blocks.of([(1, 10), (1, 20)])).value == pytest.approx(2 / 30)


def test_of_one_block_nobody_knows_how_blocks_differ():
    assert rate(Blocks.of([(1, 100), (0, 0)])).why == ONE_BLOCK
    assert mean(Blocks.of([(500, 100)])).why == ONE_BLOCK


def test_images_that_fail_together_are_worth_fewer():
    alike = Blocks.of([(5, 100)] * 20)
    together = Blocks.of([(100, 100), *[(0, 100)] * 19])
    assert alike.ratio == together.ratio == 0.05
    # As many as there are, but for Student's quantile; and about one for each block.
    assert worth(alike) == pytest.approx(2000 * (1.96 / 2.093) ** 2, rel=1e-3)
    assert worth(together) == pytest.approx(20 * (1.96 / 2.093) ** 2 * 0.95, rel=1e-1)
    wide, narrow = rate(together), rate(alike)
    assert wide.low < narrow.low < 0.05 < narrow.high < wide.high


@pytest.mark.parametrize("failed", [0, 100])
def test_where_none_or_all_failed_the_interval_has_a_width(failed):
    found = rate(Blocks.of([(failed, 100)] * 5))
    assert found.value == failed / 100
    assert found.high - found.low > 0.005
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("visits", [40, 400, 4_000])
def test_where_no_visit_failed_the_interval_holds_all_rates_of_which_that_is_likely(visits):
    """Of visits that fail whole, with five images each, in 13 weeks."""
    found = rate(Blocks.of([(0, 5 * visits / 13)] * 13, visits))
    assert (found.n, found.low) == (5 * visits, pytest.approx(0))
    assert (1 - found.high) ** visits < 0.05
    of_all = rate(Blocks.of([(5 * visits / 13, 5 * visits / 13)] * 13, visits))
    assert of_all.low == pytest.approx(1 - found.high)


def test_a_means_interval_is_positive_and_around_it():
    found = mean(Blocks.of([(1000, 10), (3000, 12), (500, 11)]))
    assert 0 < found.low < found.value < found.high
    assert found.high - found.value > found.value - found.low
    assert (found.value, found.n) == (pytest.approx(4500 / 33), 33)


def test_a_means_n_may_count_something_else():
    assert mean(Blocks.of([(20, 4), (9, 4)]), n=29).why == TOO_FEW
    assert mean(Blocks.of([(20, 4), (10, 4)]), n=30).as_json()["n"] == 30


def test_a_mean_of_nothing_but_zeros_is_zero():
    assert mean(Blocks.of([(0, 20), (0, 20)])).as_json() == {"value": 0, "low": 0, "high": 0, "n": 40}
