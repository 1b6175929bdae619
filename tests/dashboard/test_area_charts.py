"""Are plots about areas to scale?"""

import random

import pytest

from dashboard import area_charts, visit_charts
from dashboard.area_charts import FAILED_STEPS, LABEL_HEIGHT, LABEL_WIDTH, MOST_TILES, NARROW, WIDE
from dashboard.treemap import squarify
from insights.hours import HourOfWeek


@pytest.mark.parametrize("number", [1, 2, 9, 60])
def test_tiles_have_the_sizes_asked_for_and_fill_the_rectangle(number):
    sizes = sorted((random.Random(number).random() + 0.01 for _ in range(number)), reverse=True)
    tiles = squarify(sizes, 1150, 400)
    for size, tile in zip(sizes, tiles, strict=True):
        assert tile.width * tile.height == pytest.approx(1150 * 400 * size / sum(sizes))
        assert 0 <= tile.x <= tile.x + tile.width <= 1150 + 1e-6
        assert 0 <= tile.y <= tile.y + tile.height <= 400 + 1e-6


def test_tiles_are_those_of_the_papers_example():
    # Bruls, Huizing and van Wijk, figure 4: 6, 6, 4, 3, 2, 2, 1 in a rectangle of 6 to 4.
    tiles = squarify([6, 6, 4, 3, 2, 2, 1], 6, 4)
    assert [(round(tile.width, 2), round(tile.height, 2)) for tile in tiles] == [
        (3, 2), (3, 2), (1.71, 2.33), (1.29, 2.33), (1.2, 1.67), (1.2, 1.67), (0.6, 1.67)
    ]  # fmt: skip


def test_a_tile_is_labelled_where_the_label_has_room():
    stores = {f"A{at}": 200 - 3 * at for at in range(60)}
    for drawn, (width, _) in zip(area_charts.treemaps(stores, {}), (WIDE, NARROW), strict=True):
        labelled = [leaf for leaf in drawn.leaves if leaf.is_labelled]
        assert labelled
        for leaf in labelled:
            assert leaf.width * width / 100 >= LABEL_WIDTH
            assert leaf.height >= LABEL_HEIGHT


def test_areas_beyond_the_largest_are_one_tile():
    stores = {f"A{at}": 3 for at in range(MOST_TILES + 40)}
    wide, _ = area_charts.treemaps(stores, {})
    assert len(wide.leaves) == MOST_TILES + 1
    assert (wide.leaves[0].label, wide.leaves[0].stores, wide.others) == ("40 others", 120, 40)


def test_the_rest_of_the_areas_is_left_out_where_it_would_take_more_than_half_of_the_room():
    for others, left_out in ((MOST_TILES, 0), (MOST_TILES + 1, 3 * (MOST_TILES + 1))):
        wide, _ = area_charts.treemaps({f"A{at}": 3 for at in range(MOST_TILES + others)}, {})
        assert len(wide.leaves) == MOST_TILES + (0 if left_out else 1)
        assert (wide.others, wide.left_out) == (others, left_out)


@pytest.mark.parametrize(("rate", "step"), [(0, 0), (0.0099, 0), (0.01, 1), (0.159, 4), (0.16, 5), (1, 6)])
def test_shades_begin_where_the_page_says(rate, step):
    assert area_charts.step(rate, FAILED_STEPS) == step


def test_the_area_of_a_square_is_as_the_visits_of_its_hour():
    counts = [[0] * 24 for _ in range(7)]
    counts[2][5], counts[6][23] = 100, 25
    large, small = visit_charts.punch(HourOfWeek(counts)).squares
    assert small.side == pytest.approx(large.side / 2)
    assert large.x + large.side / 2 == pytest.approx(5.5, abs=0.01)
    assert large.y + large.side / 2 == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize(
    "points", [[(0.0, 0.0)], [(10.0, 5.0), (10.0, 6.0)], [(-90.0, -180.0), (90.0, 180.0)], [(1.0, 0.0), (2.0, 0.0)]]
)
def test_places_lie_within_their_box(points):
    drawn = area_charts.places(points)
    for dot in drawn.path.removeprefix("M").split("M"):
        x, y = map(int, dot.removesuffix("h0").split())
        assert 0 <= x <= 1000
        assert 0 <= y <= drawn.height
    assert drawn.height <= 700
