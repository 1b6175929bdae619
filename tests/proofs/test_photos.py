"""Does `./run proof photos` find edited photos again, and would it notice where they are not?"""

import pytest

from jobs.imaging.difference_hash import DifferenceHash
from proofs import photos
from proofs.report import Report


def test_a_small_version_meets_its_bars():
    report = Report()
    photos.prove_edits(report, 6)
    photos.prove_others(report, 30)
    assert report.missed == []
    assert len(report.bars.rows) == 7


def test_a_photo_is_the_same_every_time():
    assert photos.draw(3, (96, 72)).tobytes() == photos.draw(3, (96, 72)).tobytes()
    assert photos.draw(3, (96, 72)).tobytes() != photos.draw(4, (96, 72)).tobytes()


def test_pairs_that_would_be_taken_for_one_are_counted():
    hashes = [DifferenceHash(0, 0), DifferenceHash(0xFF, 0), DifferenceHash(0x1FF, -1)]
    assert photos.compare_all(hashes) == (3, 1, 8)


@pytest.mark.parametrize(
    ("rows", "columns", "is_same"),
    [(0, 0, True), (0xFF, 0, True), (0x1FF, 0, False), (1 << 63, 1 << 63, True), ((1 << 32) + 1, (1 << 32) + 1, False)],
)
def test_two_are_the_same_by_their_distance_and_a_half_in_common(rows, columns, is_same):
    signed = [each - (1 << 64) if each >> 63 else each for each in (rows, columns)]
    assert photos.is_same(DifferenceHash(0, 0), DifferenceHash(*signed)) is is_same
