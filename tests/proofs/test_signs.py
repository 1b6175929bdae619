"""Are the drawn shop fronts the same at every run, and do they meet their bars, at a small size?"""

import importlib.util

import pytest

from proofs import sign_pictures, signs
from proofs.report import Report
from proofs.sign_names import Master, invented_names
from stores.signs import TOO_COMMON

needs_fonts = pytest.mark.skipif(
    not all(importlib.util.find_spec(package) for package, _ in sign_pictures.FONTS),
    reason="the fonts are not installed; ./run proof signs installs them",
)
needs_ocr = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="rapidocr is not installed; ./run install ocr installs it"
)


def test_names_are_the_same_for_the_same_seed_and_some_are_too_common_to_tell():
    names = invented_names(signs.STORES, 1)
    assert names == invented_names(signs.STORES, 1) != invented_names(signs.STORES, 2)
    master = Master(names)
    common = sum(master.sharing(name) >= TOO_COMMON for name in names)
    # As in real store masters: about one in twenty to one in ten.
    assert 0.04 < common / len(names) < 0.12


def test_a_name_is_shared_by_all_that_have_its_words():
    master = Master(["ZENITH STORE", "STORE ZENITH", "NEW ZENITH STORE", "ZENITH"])
    assert [master.sharing(name) for name in master.names] == [3, 3, 1, 4]
    assert master.having == {"ZENITH": 4, "STORE": 3, "NEW": 1}


@needs_fonts
def test_a_shop_front_is_the_same_for_the_same_seed():
    assert sign_pictures.shop_front("ZENITH", "1") == sign_pictures.shop_front("ZENITH", "1")
    assert sign_pictures.shop_front("ZENITH", "1") != sign_pictures.shop_front("ZENITH", "2")
    assert sign_pictures.shop_front(None, "1")


@needs_fonts
@needs_ocr
def test_signs_are_read():
    report = Report()
    signs.show_reading(report, pictures=4, bare=1, seed=1)
    assert report.missed == []
    assert len(report.bars.rows) == 4
