"""The journey of a person who keeps the store master: a file with faults, its dry run, its rejects, the import."""

import csv

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import expect

from stores.models import Store
from tests.browser.accessible import assert_accessible
from tests.factories import make_stores

HEADER = ["AreaCode", "StoreName", "StoreID"]


@pytest.fixture
def editor(anna, sign_in):
    """Anna, who may import; the store master holds one store."""
    make_stores("S-1")
    permissions = Permission.objects.filter(codename__in=["add_store", "change_store"])
    anna.user_permissions.set(permissions)
    sign_in(anna)


def upload(page, name, rows):
    text = "\n".join(",".join(row) for row in [HEADER, *rows])
    page.goto("/stores/import/")
    file = {"name": name, "mimeType": "text/csv", "buffer": text.encode()}
    page.get_by_label("CSV file or workbook").set_input_files(file)
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def numbers(page):
    tiles = page.locator(".tiles > div")
    return dict(zip(tiles.locator("dt").all_inner_texts(), tiles.locator("dd").all_inner_texts(), strict=True))


def rows_of(page, name):
    rows = page.get_by_role("region", name=name, exact=True).locator("tbody tr")
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def test_a_file_with_faults_is_checked_corrected_and_imported(page, editor, tmp_path):
    upload(
        page,
        "stores.csv",
        [
            ["A-1", "GOOD", "S-2"],
            ["A-9", "Shop S-1", "S-1"],
            ["A-1", "", "S-3"],
            ["A-1", "ONE", "S-4"],
            ["A-1", "TWO", "S-4"],
        ],
    )
    assert (
        page.locator(".notice.error").inner_text().startswith("This file cannot be stored as it is. The same store id")
    )
    assert numbers(page) == {
        "Rows": "5", "New": "3", "Changed": "1", "Unchanged": "0", "Rejected": "1", "Missing from the file": "0"
    }  # fmt: skip
    assert rows_of(page, "Changed stores") == [["3", "S-1", "Shop S-1", "same", "A-1", "A-9", "same"]]
    assert rows_of(page, "Rejected rows") == [["4", "StoreName", "is blank"]]
    assert rows_of(page, "Ids in several lines") == [["S-4", "5, 6"]]
    expect(page.get_by_role("button", name="Import")).to_be_disabled()
    assert_accessible(page)

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download the rejected rows").click()
    assert downloading.value.suggested_filename == "stores-rejects.csv"
    downloading.value.save_as(tmp_path / "rejects.csv")
    with open(tmp_path / "rejects.csv", encoding="utf-8-sig", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [(row["StoreID"], row["Line"]) for row in rejected] == [("S-3", "4"), ("S-4", "5"), ("S-4", "6")]
    assert [row["Reason"] for row in rejected[:1]] == ["StoreName: is blank"]
    assert Store.objects.count() == 1

    rejected[0]["StoreName"] = "THREE"
    corrected = [[row[column] for column in HEADER] for row in rejected[:2]]
    upload(page, "corrected.csv", [["A-1", "GOOD", "S-2"], ["A-9", "Shop S-1", "S-1"], *corrected])
    expect(page.locator(".notice").first).to_contain_text("Nothing is stored yet")
    page.get_by_role("button", name="Import 4 stores").click()
    expect(page.get_by_role("status")).to_contain_text("Stored corrected.csv")
    expect(page.get_by_role("button", name="Import")).to_have_count(0)
    assert_accessible(page)

    page.goto("/stores/")
    stores = [row[:3] for row in rows_of(page, "Stores")]
    assert stores == [
        ["S-1", "Shop S-1", "A-9"], ["S-2", "GOOD", "A-1"], ["S-3", "THREE", "A-1"], ["S-4", "ONE", "A-1"]
    ]  # fmt: skip


def test_rejected_rows_are_left_out_where_that_is_asked(page, editor):
    upload(page, "stores.csv", [["A-1", "GOOD", "S-2"], ["A-1", "", "S-3"]])
    expect(page.get_by_role("button", name="Import 1 store")).to_be_disabled()
    page.get_by_label("Leave rejected rows out").check()
    page.get_by_role("button", name="Show what that would do").click()
    page.get_by_role("button", name="Import 1 store").click()
    expect(page.get_by_role("status")).to_contain_text("Stored stores.csv")
    assert sorted(Store.objects.values_list("store_id", flat=True)) == ["S-1", "S-2"]


def test_a_file_that_is_no_store_file_is_refused_with_its_reason(page, editor):
    page.goto("/stores/import/")
    file = {"name": "photo.csv", "mimeType": "text/csv", "buffer": b"a;b\n1;2\n"}
    page.get_by_label("CSV file or workbook").set_input_files(file)
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_role("status")).to_contain_text("photo.csv")
    expect(page.get_by_role("heading", level=1)).to_have_text("Import stores")


def test_a_person_who_may_not_import_is_offered_no_import(page, anna, sign_in, troubles):
    sign_in(anna)
    page.goto("/stores/")
    expect(page.get_by_role("link", name="Import a file")).to_have_count(0)
    page.goto("/stores/import/")
    expect(page.get_by_role("main")).to_contain_text("Your account may not import stores.")
    assert all("403" in trouble for trouble in troubles)
    troubles.clear()
