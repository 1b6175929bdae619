"""Where stores are: which cells of a file are read, which rows are rejected, and what an import stores of them."""

from io import BytesIO

import pytest
from django.core.exceptions import ValidationError

from stores.importer import import_stores
from stores.models import Store
from stores.places import NOWHERE, Misplaced, Place, read_place
from stores.reader import Rejection, open_stores
from tests.stores.files import store_file
from tests.tables.files import workbook

HEADER = "AreaCode,StoreName,StoreID,Latitude,Longitude,Timezone"


def placed():
    rows = Store.objects.order_by("store_id").values_list("store_id", "latitude", "longitude", "timezone")
    return [tuple(row) for row in rows]


def bring(*rows, header=HEADER, **options):
    return import_stores(store_file(*rows, header=header), **options)


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        ("22.5", "88.25", Place(22.5, 88.25)),
        (" -90 ", "+180", Place(-90, 180)),
        ("90", "-180", Place(90, -180)),
        ("22,5", "88,25", Place(22.5, 88.25)),
        ("5e-05", "0", Place(0.00005, 0)),
        ("", " ", NOWHERE),
    ],
)
def test_coordinates_are_degrees(latitude, longitude, place):
    assert read_place({"latitude": latitude, "longitude": longitude}) == place


@pytest.mark.parametrize(
    ("latitude", "longitude", "field", "reason"),
    [
        ("90.1", "0", "latitude", "is 90.1, which is not from -90 to 90 degrees; are the two swapped?"),
        ("0", "180.1", "longitude", "is 180.1, which is not from -180 to 180 degrees"),
        ("200", "0", "latitude", "is 200, which is not from -90 to 90 degrees"),
        ("22°34'N", "0", "latitude", 'is "22°34\'N": write degrees from -90 to 90, such as 12.3456'),
        ("nan", "0", "latitude", "is 'nan': write degrees from -90 to 90, such as 12.3456"),
        ("1_0", "0", "latitude", "is '1_0': write degrees from -90 to 90, such as 12.3456"),
        ("", "88", "latitude", "is blank where Longitude is not: fill in both, or neither"),
        ("22", "", "longitude", "is blank where Latitude is not: fill in both, or neither"),
    ],
)
def test_what_is_no_place_is_refused_with_a_cure(latitude, longitude, field, reason):
    with pytest.raises(Misplaced) as refused:
        read_place({"latitude": latitude, "longitude": longitude})
    assert (refused.value.field, refused.value.reason) == (field, reason)


@pytest.mark.parametrize(("text", "zone"), [("Asia/Kolkata", "Asia/Kolkata"), ("asia/kolkata", "Asia/Kolkata"),
                                            ("UTC", "UTC"), (" ", "")])  # fmt: skip
def test_a_time_zone_is_spelled_as_the_database_of_zones_does(text, zone):
    assert read_place({"timezone": text}).timezone == zone


@pytest.mark.parametrize("text", ["IST", "India", "+05:30", "../etc/passwd", "Asia/Nowhere"])
def test_what_is_no_time_zone_is_refused(text):
    with pytest.raises(Misplaced, match="which is no time zone: write one such as Asia/Kolkata"):
        read_place({"timezone": text})


def test_a_row_without_a_place_is_rejected_with_its_column_as_the_file_spells_it():
    header = "area_code,store_name,store_id,LATITUDE,longitude,Time Zone"
    with open_stores(store_file("A,ONE,X1,91,0,", "A,TWO,X2,,,IST", "A,THREE,X3,1,2,UTC", header=header)) as stores:
        assert [row.store_id for row in stores] == ["X3"]
    assert [(found.line, found.column) for found in stores.rejected] == [(2, "LATITUDE"), (3, "Time Zone")]
    assert stores.ignored_columns == []


def test_a_workbooks_numbers_are_degrees_and_its_errors_are_rejected():
    titles = ["AreaCode", "StoreName", "StoreID", "Latitude", "Longitude"]
    content = workbook(["A", "ONE", "X1", 22.5726, 88.3639], ["A", "TWO", "X2", "#N/A", 1], header=titles)
    with open_stores(BytesIO(content)) as stores:
        assert [row[4:6] for row in stores] == [(22.5726, 88.3639)]
    assert [found.column for found in stores.rejected] == ["Latitude"]


def test_one_coordinate_without_a_column_for_the_other_is_named_and_ignored():
    with open_stores(store_file("A,ONE,X1,far", header="AreaCode,StoreName,StoreID,Longitude")) as stores:
        assert [row.longitude for row in stores] == [None]
    assert stores.ignored_columns == ["Longitude"]
    assert stores.fields == ("store_id", "name", "area_code")


def test_a_point_in_the_ocean_is_doubtful():
    with open_stores(store_file("A,ONE,X1,0,0,", "A,TWO,X2,0,5,", header=HEADER)) as stores:
        assert len(list(stores)) == 2
    assert [doubt.sentence for doubt in stores.doubts] == [
        "'Latitude': 1 cell is 0, and so is the longitude: a point in the ocean, which stands for an unknown place "
        "('0' in line 2)"
    ]


@pytest.mark.django_db
def test_places_are_stored_changed_and_emptied_and_a_file_without_the_columns_leaves_them():
    place = {"latitude": 1, "longitude": 2, "timezone": "UTC"}
    report = bring("A,ONE,X1,1,2,UTC", "A,TWO,X2,,,")
    assert placed() == [("X1", 1, 2, "UTC"), ("X2", None, None, "")]
    assert report.as_json()["new_stores"] == [
        {
            "line": 2,
            "store_id": "X1",
            "name": "ONE",
            "area_code": "A",
            "latitude": 1,
            "longitude": 2,
            "timezone": "UTC",
        },
        {"line": 3, "store_id": "X2", "name": "TWO", "area_code": "A"},
    ]
    assert bring("A,ONE,X1,1,2,UTC", "A,TWO,X2,,,").unchanged == 2
    assert bring("A,ONE,X1", "A,TWO,X2", header="AreaCode,StoreName,StoreID").unchanged == 2
    assert placed()[0] == ("X1", 1, 2, "UTC")
    report = bring("A,ONE,X1,,,Asia/Kolkata", "A,TWO,X2,3,4,")
    assert (report.changed, report.unchanged) == (2, 0)
    assert placed() == [("X1", None, None, "Asia/Kolkata"), ("X2", 3, 4, "")]
    assert report.as_json()["changed_stores"][0] == {
        "line": 2,
        "store_id": "X1",
        "before": {"name": "ONE", "area_code": "A", **place},
        "after": {"name": "ONE", "area_code": "A", "timezone": "Asia/Kolkata"},
    }


@pytest.mark.django_db
def test_a_file_with_one_of_the_columns_leaves_the_others():
    bring("A,ONE,X1,1,2,UTC")
    bring("A,ONE,X1,Asia/Tokyo", header="AreaCode,StoreName,StoreID,Timezone")
    bring("A,ONE,X1,5,6", header="AreaCode,StoreName,StoreID,Longitude,Latitude")
    assert placed() == [("X1", 6, 5, "Asia/Tokyo")]


@pytest.mark.django_db
def test_a_dry_run_names_places_that_would_change():
    bring("A,ONE,X1,1,2,UTC")
    report = bring("A,ONE,X1,1,3,UTC", dry_run=True)
    assert report.changed == 1
    assert report.changed_stores[0].before.coordinates == "1, 2"
    assert report.changed_stores[0].after.coordinates == "1, 3"
    assert placed() == [("X1", 1, 2, "UTC")]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"latitude": 1.0}, "longitude"),
        ({"latitude": 91.0, "longitude": 0.0}, "latitude"),
        ({"timezone": "IST"}, "timezone"),
    ],
)
def test_a_store_edited_by_hand_takes_no_other_places_than_an_import(fields, wrong):
    with pytest.raises(ValidationError) as refused:
        Store(store_id="X1", name="ONE", area_code="A", **fields).clean()
    assert list(refused.value.message_dict) == [wrong]


def test_a_rejected_row_says_line_column_and_cure():
    with open_stores(store_file("A,ONE,X1,,2,", header=HEADER)) as stores:
        assert list(stores) == []
    assert stores.rejected == [Rejection(2, "Latitude", "is blank where Longitude is not: fill in both, or neither")]
