"""A rectangle cut into smaller ones of given sizes, none of them thin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tile:
    x: float
    y: float
    width: float
    height: float


def squarify(sizes: Sequence[float], width: float, height: float) -> list[Tile]:
    """A tile for each size, in their order, which must be falling; all above 0.

    Bruls, Huizing and van Wijk, Squarified Treemaps (2000): rows are laid along the shorter side of what is left, and
    a row ends where another tile would make its worst one thinner.
    """
    scale = width * height / sum(sizes) if sizes else 0
    areas = [size * scale for size in sizes]
    tiles: list[Tile] = []
    left = Tile(0, 0, width, height)
    at = 0
    while at < len(areas):
        side = min(left.width, left.height)
        end = at + 1
        while end < len(areas) and _worst(areas[at : end + 1], side) <= _worst(areas[at:end], side):
            end += 1
        row, left = _lay(areas[at:end], left)
        tiles += row
        at = end
    return tiles


def _worst(row: Sequence[float], side: float) -> float:
    """The largest ratio of a tile's sides, if the row is laid along `side`; `row` falls."""
    total = sum(row)
    return max(side * side * row[0] / (total * total), total * total / (side * side * row[-1]))


def _lay(row: Sequence[float], left: Tile) -> tuple[list[Tile], Tile]:
    """The row's tiles along the shorter side, and what is left beside them."""
    total = sum(row)
    tiles: list[Tile] = []
    if left.width >= left.height:
        thick, y = total / left.height, left.y
        for area in row:
            tiles.append(Tile(left.x, y, thick, area / thick))
            y += area / thick
        return tiles, Tile(left.x + thick, left.y, max(0.0, left.width - thick), left.height)
    thick, x = total / left.width, left.x
    for area in row:
        tiles.append(Tile(x, left.y, area / thick, thick))
        x += area / thick
    return tiles, Tile(left.x, left.y + thick, left.width, max(0.0, left.height - thick))
