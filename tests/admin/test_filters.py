"""Which rows a list shows, and what a filter offers."""

import pytest

from jobs import errors, queue
from jobs.models import ImageResult, Job, Visit
from stores.admin import areas
from stores.models import Store
from tests.admin.conftest import list_page, listed
from tests.factories import failure, make_worker, submit_visits

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_areas(db):
    Store.objects.create(store_id="H1", name="ROWAN BAKERY", area_code="HILL")
    Store.objects.create(store_id="V1", name="ROWAN BAKERY", area_code="VALE")
    return submit_visits(("H1", ["http://i.test/1"]), ("V1", ["http://i.test/2"]), ("nowhere", ["http://i.test/3"]))


@pytest.mark.parametrize("model", [Visit, ImageResult])
@pytest.mark.parametrize(("area", "urls"), [("HILL", ["http://i.test/1"]), ("VALE", ["http://i.test/2"]), ("X", [])])
def test_visits_and_images_are_filtered_by_the_area_of_their_store(admin_client, two_areas, model, area, urls):
    response = admin_client.get(list_page(model), {"area": area})
    found = ImageResult.objects.filter(**{"pk__in" if model is ImageResult else "visit__in": listed(response)})
    assert list(found.values_list("url", flat=True)) == urls


def test_the_area_filter_offers_only_so_many_areas_and_takes_any(admin_client, two_areas, monkeypatch):
    monkeypatch.setattr(areas, "MOST_AREAS", 2)
    page = admin_client.get(list_page(Visit)).text
    assert "?area=A-1" in page
    assert "?area=HILL" in page
    assert "?area=VALE" not in page
    assert "the first 2" in page
    response = admin_client.get(list_page(Visit), {"area": "VALE"})
    assert len(listed(response)) == 1
    assert "?area=VALE" in response.text


def test_the_area_filter_is_silent_about_a_limit_that_is_not_passed(admin_client, two_areas, monkeypatch):
    monkeypatch.setattr(areas, "MOST_AREAS", 3)
    page = admin_client.get(list_page(Visit)).text
    assert "?area=VALE" in page
    assert "the first" not in page


@pytest.fixture
def three_failures(two_areas):
    worker = make_worker()
    claims = queue.claim(worker, limit=2)
    reasons = [errors.HTTPStatus(404), errors.HTTPStatus(410)]
    queue.record(worker, [failure(claim, reason) for claim, reason in zip(claims, reasons, strict=True)])


@pytest.mark.parametrize(
    ("code", "numbers"),
    [("unknown_store", {"3"}), ("http_404", {"1"}), ("http_<status>", {"1", "2"}), ("blocked", set())],
)
def test_images_are_filtered_by_error_code(admin_client, three_failures, code, numbers):
    shown = ImageResult.objects.filter(pk__in=listed(admin_client.get(list_page(ImageResult), {"code": code})))
    assert {image.url[-1] for image in shown} == numbers


def test_the_error_code_filter_offers_the_closed_list_of_codes(admin_client, db):
    page = admin_client.get(list_page(ImageResult)).text
    for error in errors.all_errors():
        assert error.code == "http_<status>" or f"?code={error.code}" in page


def test_filters_by_state_and_status_combine_with_the_others(admin_client, three_failures):
    response = admin_client.get(list_page(ImageResult), {"state__exact": "failed", "area": "HILL", "code": "http_404"})
    assert len(listed(response)) == 1
    assert listed(admin_client.get(list_page(ImageResult), {"state__exact": "running", "area": "HILL"})) == []
    assert len(listed(admin_client.get(list_page(Job), {"status__exact": "failed"}))) == 1
    assert listed(admin_client.get(list_page(Job), {"status__exact": "ongoing"})) == []
    assert len(listed(admin_client.get(list_page(Visit), {"job__status__exact": "failed", "area": "VALE"}))) == 1


def test_search_finds_a_job_by_its_id_and_rows_by_their_store(admin_client, two_areas):
    assert listed(admin_client.get(list_page(Job), {"q": str(two_areas.pk)})) == [two_areas.pk]
    assert listed(admin_client.get(list_page(Job), {"q": "no number"})) == []
    for model in (Visit, ImageResult):
        assert len(listed(admin_client.get(list_page(model), {"q": "H1"}))) == 1
        assert listed(admin_client.get(list_page(model), {"q": "H"})) == []


@pytest.mark.parametrize(
    ("model", "query"),
    [
        *((model, query) for model in (Job, Visit, ImageResult) for query in ("q=%00", "job=%00", "%00=1", "p=x")),
        *((Job, query) for query in ("created_at__year=x", "created_at__year=99999", "owner__password__contains=a")),
        *((Visit, query) for query in ("store_id=%00", "area=%00", "area=%ed%a0%80", "visited_at=x")),
        *((ImageResult, query) for query in ("code=%00", "state__exact=%00", "job=x", f"id={10**30}", "o=9.x", "p=99")),
        (ImageResult, "visit__job__owner__password__startswith=a"),
    ],
)
def test_no_query_makes_a_server_error(admin_client, two_areas, model, query):
    response = admin_client.get(f"{list_page(model)}?{query}", follow=True)
    assert response.status_code in (200, 400)


@pytest.mark.parametrize("row", ["0", "x", "%00", "_00", "9" * 30, "-1"])
def test_no_address_of_a_row_makes_a_server_error(admin_client, row):
    response = admin_client.get(f"{list_page(ImageResult)}{row}/change/", follow=True)
    assert response.status_code in (200, 404)
