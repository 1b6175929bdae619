"""fixtures/stores.csv: ours, reproducible, and as quirky as a store master is."""

import re
import runpy

import pytest
from django.conf import settings

from stores.importer import import_stores
from stores.models import Store
from stores.reader import open_stores

FIXTURES = settings.BASE_DIR / "fixtures"


@pytest.fixture(scope="module")
def content():
    return (FIXTURES / "stores.csv").read_bytes()


def test_the_script_makes_the_file_byte_for_byte(content):
    assert runpy.run_path(str(FIXTURES / "make_stores.py"))["stores_csv"]() == content


def test_it_has_the_quirks_of_a_store_master(content):
    text = content.decode()
    assert not text.endswith("\n")
    assert text.count("\r\n") == text.count("\n") == 360
    assert re.search(r',"[^"\n]+,[^"\n]+",', text)  # a quoted name with a comma
    assert '""' in text
    assert "  " in text
    assert "CAFÃ‰" in text
    assert "CAFÉ" in text


def test_it_holds_hundreds_of_invented_stores_in_several_areas():
    with (FIXTURES / "stores.csv").open("rb") as file, open_stores(file) as stores:
        rows = list(stores)
    assert stores.rejected == []
    assert len({row.store_id for row in rows}) == len(rows) == 360
    assert len({row.name for row in rows}) < len(rows)
    assert len({row.area_code for row in rows}) >= 5
    assert all(re.fullmatch(r"DEMO\d{4}", row.store_id) for row in rows)


@pytest.mark.django_db
def test_it_imports_and_imports_again():
    with (FIXTURES / "stores.csv").open("rb") as file:
        first, second = import_stores(file), import_stores(file)
    assert first.summary() == "360 rows: 360 new, 0 changed, 0 unchanged, 0 rejected, 4 names repaired"
    assert second.unchanged == Store.objects.count() == 360
