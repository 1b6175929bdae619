"""The panel of a job's areas, why an image waits, the rules of categories, and how right forecasts were."""

import pytest
from django.contrib.auth.models import User

from insights.models import ForecastRange
from jobs import errors, queue
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult
from stores.models import AreaWeight, Category, CategoryRule, Store
from tests.factories import allow, make_worker, submit_job, submit_visits, success

pytestmark = pytest.mark.django_db


@pytest.fixture
def bakery():
    category = Category.objects.create(name="Bakery <b>")
    Store.objects.create(store_id="B", name="b", area_code="EAST", category=category)
    Store.objects.create(store_id="K", name="k", area_code="WEST")
    return category


def submitted(anna, *visits):
    return submit_visits(*visits, owner=anna)


def words(response):
    assert response.status_code == 200
    return " ".join(response.text.split())


def test_a_running_job_of_several_areas_shows_how_they_move(page, anna, bakery):
    AreaWeight.objects.create(area_code="EAST", weight=2)
    job = submitted(anna, ("B", ["http://p/1"] * 30), ("K", ["http://p/1"] * 10), ("gone", ["http://p/1"]))
    queue.claim(make_worker(), limit=4)
    text = words(page.get(f"/jobs/{job.pk}/"))
    assert "All areas of a job move at the same fraction" in text
    assert "not in the store master" in text
    assert "weight 2.0" in text
    assert "75 %, 33 %" in text or "100 %, 33 %" in text


def test_a_job_of_one_area_or_one_that_has_ended_shows_none(page, anna, bakery):
    job = submitted(anna, ("B", ["http://p/1"]))
    assert "Share of slots" not in page.get(f"/jobs/{job.pk}/").text
    other = submitted(anna, ("B", ["http://p/1"]), ("K", ["http://p/1"]))
    queue.cancel(other.pk)
    assert "Share of slots" not in page.get(f"/jobs/{other.pk}/").text


def test_an_image_says_when_its_turn_is(page, anna, bakery):
    job = submitted(anna, ("B", ["http://p/1"] * 3), ("K", ["http://p/1"] * 3))
    last = ImageResult.objects.filter(job=job, visit__store_id="K").order_by("-rank").first()
    text = words(page.get(f"/jobs/{job.pk}/images/{last.pk}/"))
    assert "Its turn: number 3 of the 3 pending images of area WEST, number 6 of the 6 of the job" in text


def test_an_image_that_is_too_small_shows_what_was_asked_and_what_was_measured(page, anna, bakery):
    CategoryRule.objects.create(category=bakery, min_width=1_640, priority=1)
    job = submitted(anna, ("B", ["http://p/1"]))
    worker = make_worker()
    (claim,) = queue.claim(worker, limit=1)
    queue.record(worker, [Outcome(claim, Evidence(size=(1_024, 768)), error=errors.BelowCategorySize())])
    text = words(page.get(f"/jobs/{job.pk}/images/{claim.image_id}/"))
    assert "1,024 \N{MULTIPLICATION SIGN} 768 pixels" in text
    assert "at least 1,640 \N{MULTIPLICATION SIGN} 1 pixels, priority 1 in addition to the job's" in text
    assert "below_category_size" in text
    assert "Bakery &lt;b&gt;" in text


def test_a_dry_run_names_the_rule(page, bakery):
    CategoryRule.objects.create(category=bakery, most_images=1)
    body = '{"count": 1, "visits": [{"store_id": "B", "visit_time": "t", "image_url": ["http://p/1", "http://p/2"]}]}'
    text = page.post("/submit/", {"way": "json", "act": "check", "body": body, "key": "k"}).text
    assert "takes at most 1 of a visit" in text


# --- rules


@pytest.fixture
def editor(client, bakery):
    client.force_login(allow(User.objects.create_user("editor"), "change_store"))
    return client


FORM = {"act": "save", "priority": "2", "most_images": "3", "min_width": "", "min_height": "480", "allowed_hosts": ""}


def test_everybody_sees_the_rules_and_only_who_may_change_stores_changes_them(page, bakery):
    CategoryRule.objects.create(category=bakery, priority=2, allowed_hosts=["*.photos.example"])
    text = words(page.get("/stores/categories/rules/"))
    assert "Bakery &lt;b&gt;" in text
    assert "*.photos.example" in text
    address = f"/stores/categories/{bakery.pk}/rule/"
    assert address not in text
    assert page.get(address).status_code == page.post(address, FORM).status_code == 403
    assert CategoryRule.objects.get().priority == 2


def test_a_rule_is_made_and_removed_in_the_form(editor, bakery):
    address = f"/stores/categories/{bakery.pk}/rule/"
    assert address in editor.get("/stores/categories/rules/").text
    editor.post(address, {**FORM, "allowed_hosts": "Photos.Example\n*.cdn.example photos.example"})
    rule = CategoryRule.objects.get()
    assert (rule.priority, rule.most_images, rule.min_width, rule.min_height) == (2, 3, None, 480)
    assert rule.allowed_hosts == ["photos.example", "*.cdn.example"]
    assert 'value="480"' in editor.get(address).text
    editor.post(address, {"act": "remove"})
    assert not CategoryRule.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("priority", "10", "Priority must be a whole number from -9 to 9."),
        ("most_images", "0", "Most images of a visit must be empty or a whole number from 1 to 10,000."),
        ("min_width", "1e3", "Smallest width must be empty"),
        ("min_height", "100001", "Smallest height must be empty"),
        ("allowed_hosts", "https://x.example/", "is no host name"),
        ("allowed_hosts", " ".join(f"h{number}.example" for number in range(101)), "At most 100 hosts"),
    ],
)
def test_what_a_rule_cannot_be_is_said_and_what_was_entered_stays(editor, bakery, name, value, sentence):
    response = editor.post(f"/stores/categories/{bakery.pk}/rule/", {**FORM, name: value})
    assert response.status_code == 400
    assert sentence in response.text
    assert not CategoryRule.objects.exists()


def test_without_categories_the_page_says_so(page):
    assert "There are no categories yet." in page.get("/stores/categories/rules/").text
    assert page.get("/stores/categories/7/rule/").status_code == 403


def test_a_category_that_is_none_is_not_found(editor):
    assert editor.get("/stores/categories/999/rule/").status_code == 404


# --- forecasts


def test_before_a_job_has_ended_there_is_nothing_to_judge(page):
    assert "No job has ended yet that could be judged." in page.get("/jobs/forecasts/").text


def test_the_back_test_says_how_often_ranges_were_right_and_whether_they_are_shown(page):
    for stage, judged, covered in ((25, 29, 23), (50, 100, 80), (75, 100, 60)):
        ForecastRange.objects.create(stage=stage, size=0, jobs=90, low=0.8, high=3.25, judged=judged, covered=covered)
    ForecastRange.objects.create(stage=90, size=-1, jobs=12, judged=0, covered=0)
    rows = words(page.get("/jobs/forecasts/")).split("<tr>")[2:]
    assert "not yet" in rows[0]
    assert "too few" in rows[0]
    assert "80 %" in rows[1]
    assert "yes" in rows[1]
    assert "0.80 to 3.25" in rows[1]
    assert "no, it was wrong too often" in rows[2]
    assert "any number" in rows[3]


def test_a_running_job_says_what_its_range_is_made_of(page, anna):
    job = submit_job(60, owner=anna)
    worker = make_worker()
    queue.record(worker, [success(claim) for claim in queue.claim(worker, limit=30)])
    text = words(page.get(f"/jobs/{job.pk}/"))
    assert "not before" in text
    assert "There is no range" in text
    ForecastRange.objects.create(stage=50, size=-1, jobs=90, low=0.5, high=3000.0, judged=100, covered=80)
    text = words(page.get(f"/jobs/{job.pk}/"))
    assert "not before" not in text
    assert "80 % of jobs end within such a range, made of 90 past jobs." in text
