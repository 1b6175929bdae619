"""Which visits does a client find, and how are they grouped?"""

import pytest
from django.contrib.auth.models import User

from api.assignment import visits as module
from api.pagination import write_cursor
from jobs.errors import HTTPStatus
from jobs.models import Job
from stores.models import Store
from tests.api.conftest import API
from tests.api.payloads import assert_refused, submission, visit, work_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stores():
    Store.objects.bulk_create(
        [
            Store(store_id="S-1", name="Corner Shop", area_code="7100015"),
            Store(store_id="S-2", name="CAFÉ, LTD", area_code="7100015"),
            Store(store_id="S-3", name="Corner Shop", area_code="7100099"),
        ]
    )


def submit(api, *visits):
    return api.submit(submission(*visits)).json()["job_id"]


def found(answer):
    """(store, date) of every entry, in the order of the answer."""
    return [(result["store_id"], entry["date"]) for result in answer["results"] for entry in result["data"]]


def test_the_answer_has_the_contracts_shape(api):
    submit(api, visit("S-2", "http://a/1", visit_time="2026-01-31T22:30:00+05:30"))
    work_off()

    response = api.visits()
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "results": [
            {
                "store_id": "S-2",
                "area": "7100015",
                "store_name": "CAFÉ, LTD",
                "data": [{"date": "2026-01-31T17:00:00Z", "perimeter": 2240}],
            }
        ]
    }


@pytest.mark.parametrize("path", ["visits", "visits/"])
def test_the_trailing_slash_is_optional(api, path):
    assert api.get(path).json() == {"results": []}


def test_visits_of_one_store_are_one_group_at_its_first_appearance(api):
    submit(api, visit("S-3", visit_time="1"), visit("S-1", "a", "b", visit_time="2"), visit("S-3", visit_time="3"))
    submit(api, visit("S-1", visit_time="4"))
    work_off()

    assert found(api.visits().json()) == [
        ("S-3", "1"),
        ("S-3", "3"),
        ("S-1", "2"),
        ("S-1", "2"),
        ("S-1", "4"),
    ]


def test_only_measured_images_are_shown_and_visits_without_any_are_absent(api):
    submit(
        api,
        visit("S-1", "http://a/1", "http://a/gone", visit_time="half"),
        visit("S-2", "http://a/gone", visit_time="none"),
        visit("ghost", visit_time="unknown"),
    )
    work_off({"http://a/gone": HTTPStatus(404)})
    submit(api, visit("S-3", visit_time="pending"))

    answer = api.visits().json()
    assert found(answer) == [("S-1", "half")]
    assert [result["store_id"] for result in answer["results"]] == ["S-1"]


def test_the_area_and_the_store_narrow_and_combine(api):
    submit(api, visit("S-1", visit_time="1"), visit("S-2", visit_time="2"), visit("S-3", visit_time="3"))
    work_off()

    assert found(api.visits(area="7100015").json()) == [("S-1", "1"), ("S-2", "2")]
    assert found(api.visits(storeid="S-3").json()) == [("S-3", "3")]
    assert found(api.visits(area="7100015", storeid="S-2").json()) == [("S-2", "2")]
    assert found(api.visits(area="7100099", storeid="S-2").json()) == []


@pytest.mark.parametrize(
    ("parameters", "dates"),
    [
        ({"startdate": "2026-01-31"}, ["2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z"]),
        ({"startdate": "2026-01-31T00:00:00.000001Z"}, ["2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z"]),
        ({"enddate": "2026-01-31"}, ["2026-01-30T23:59:59Z", "2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999999Z"]),
        ({"enddate": "2026-01-31T00:00:00Z"}, ["2026-01-30T23:59:59Z", "2026-01-31T00:00:00Z"]),
        ({"enddate": "2026-01-31T05:29:59+05:30"}, ["2026-01-30T23:59:59Z"]),
        ({"startdate": "2026-01-31", "enddate": "2026-01-31"}, ["2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999999Z"]),
        ({"startdate": "2026-02-01", "enddate": "2026-01-31"}, []),
        ({"enddate": "9999-12-31"}, [
            "2026-01-30T23:59:59Z", "2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z",
        ]),
    ],
)  # fmt: skip
def test_dates_are_inclusive_and_leave_out_times_that_cannot_be_read(api, parameters, dates):
    times = (
        "2026-01-30T23:59:59Z", "2026-01-31", "2026-01-31T23:59:59.999999Z", "2026-02-01T05:30:00+05:30",
        "time of store visit",
    )  # fmt: skip
    submit(api, *(visit("S-1", visit_time=time) for time in times))
    work_off()

    assert [date for _, date in found(api.visits(**parameters).json())] == dates


def test_a_time_that_cannot_be_read_is_shown_as_sent(api):
    submit(api, visit("S-1", visit_time="time of store visit"))
    work_off()

    assert found(api.visits(storeid="S-1").json()) == [("S-1", "time of store visit")]


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"area": "7"}, "area"),
        ({"area": ""}, "area"),
        ({"area": "\0"}, "NUL"),
        ({"area": "'" * 5000}, "area"),
        ({"storeid": "S-9"}, "storeid"),
        ({"storeid": "s-1"}, "storeid"),
        ({"storeid": ""}, "storeid"),
        ({"storeid": "S-1\0"}, "NUL"),
        ({"startdate": "yesterday"}, "startdate"),
        ({"startdate": ""}, "startdate"),
        ({"startdate": "2026-02-30"}, "startdate"),
        ({"startdate": "2026-01-31T00:00:00 05:30"}, "%2B"),
        ({"enddate": "31.01.2026"}, "enddate"),
        ({"enddate": "1769817600"}, "enddate"),
        ({"enddate": "0000-01-01"}, "enddate"),
        ({"enddate": "2026-01-31T00:00:00+99:99"}, "enddate"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "1"}, "cursor"),
    ],
)
def test_what_does_not_exist_or_cannot_be_read_is_refused(api, parameters, named):
    assert named in assert_refused(api.visits(**parameters), 400)


def test_next_cursor_is_present_only_where_there_is_a_next_page(api):
    submit(api, *(visit("S-1", visit_time=str(number)) for number in range(4)))
    work_off()

    first = api.visits(limit=2).json()
    assert list(first) == ["results", "next_cursor"]
    second = api.visits(limit=2, cursor=first["next_cursor"]).json()
    assert list(second) == ["results"]
    assert [date for _, date in found(first) + found(second)] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_pages_hold_every_visit_once_under_a_filter(api, limit):
    submit(api, *(visit(f"S-{1 + number % 3}", visit_time=str(number)) for number in range(9)))
    work_off()

    dates = []
    parameters = {"area": "7100015", "limit": limit}
    while True:
        answer = api.visits(**parameters).json()
        dates += [date for _, date in found(answer)]
        if "next_cursor" not in answer:
            break
        parameters["cursor"] = answer["next_cursor"]
    assert sorted(dates) == ["0", "1", "3", "4", "6", "7"]
    assert len(answer["results"]) > 0


def test_a_store_that_left_the_store_master_keeps_its_visits(api):
    submit(api, visit("S-1", visit_time="1"))
    work_off()
    Store.objects.filter(store_id="S-1").delete()

    assert api.visits().json()["results"] == [
        {"store_id": "S-1", "area": None, "store_name": None, "data": [{"date": "1", "perimeter": 2240}]}
    ]


def test_users_see_only_the_visits_of_their_own_jobs(api, client, admin_client):
    for name in ("owner", "stranger"):
        job = submit(api, visit("S-1", visit_time=name))
        Job.objects.filter(pk=job).update(owner=User.objects.create_user(name))
    submit(api, visit("S-1", visit_time="nobody"))
    work_off()

    client.force_login(User.objects.get(username="owner"))
    assert found(API(client).visits().json()) == [("S-1", "owner")]
    assert found(api.visits().json()) == [("S-1", "nobody")]
    assert len(found(API(admin_client).visits().json())) == 3


def test_a_page_is_a_handful_of_queries_however_many_visits(api, django_assert_max_num_queries):
    submit(api, *(visit(f"S-{1 + number % 3}", visit_time=str(number)) for number in range(200)))
    work_off()

    with django_assert_max_num_queries(4):
        assert len(found(api.visits(limit=200).json())) == 200
    with django_assert_max_num_queries(5):
        api.visits(area="7100015", storeid="S-1", startdate="2020-01-01", enddate="2030-01-01")


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_page_ends_within_a_visit_of_many_images_and_the_next_one_goes_on_there(api, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_IMAGES", most)
    submit(api, *(visit(f"S-{n}", *(f"http://a/{n}/{i}" for i in range(n + 1)), visit_time=str(n)) for n in (1, 2, 3)))
    work_off({"http://a/2/1": HTTPStatus(404)})
    pages, cursor = [], {}
    while True:
        answer = api.visits(limit=2, **cursor).json()
        pages.append(found(answer))
        if "next_cursor" not in answer:
            break
        cursor = {"cursor": answer["next_cursor"]}
    everything = [("S-1", "1")] * 2 + [("S-2", "2")] * 2 + [("S-3", "3")] * 4
    assert [entry for page in pages for entry in page] == everything
    assert all(1 <= len(page) <= most for page in pages)


def test_a_cursor_within_a_visit_is_no_cursor_of_other_lists(api):
    job = submit(api, visit("S-1"))
    within = write_cursor(1, 2)
    assert api.visits(cursor=within).status_code == 200
    assert_refused(api.status(job, view="images", cursor=within), 400)
    assert_refused(api.visits(cursor=within[:-1]), 400)
