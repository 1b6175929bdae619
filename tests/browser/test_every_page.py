"""What holds on every page: accessible in both schemes, as wide as a phone, quiet in the console, within the policy."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from access.models import ApiKey, Team
from access.people import note
from access.roles import RoleName, give_role
from insights.forecasts import Estimate
from insights.models import Alert, ForecastRange, Measure, Report, RuleCheck
from insights.rule_tests import RuleTest
from jobs import actions, queue
from jobs.errors import BelowCategorySize, HTTPStatus, NotAnImage, Truncated
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult, Job, PhotoEvidence
from photos.kinds import BLURRED, OTHER_STORE
from photos.models import Finding, VisitLook
from stores import categorising, imports
from stores.models import AreaWeight, Category, CategoryRule, Store, StoreGroup, StoreImport
from tests.access.conftest import make_key
from tests.api.v1.test_alerts import NOW, make_alert
from tests.browser.accessible import assert_accessible, assert_fits_a_phone
from tests.browser.conftest import DESK, record
from tests.factories import (
    KNOWN_STORE,
    allow,
    defer,
    failure,
    make_worker,
    pause_host,
    submit_job,
    submit_visits,
    success,
)
from tests.insights.summaries import visits
from tests.kept_photos import keep, keep_in_folder, photo
from tests.stores.files import store_file
from tests.webhooks.deliveries import disable_by_itself, make_endpoint, make_failed
from webhooks import endpoints
from webhooks.models import Delivery

LONG = "http://photos.a-rather-long-host-name.test/visits/2026/11/22/north/" + "shelf-and-facade" * 6 + ".jpg"


@dataclass
class Shown:
    """What there is to look at: a job in each state, a store, and an import with rejects."""

    queued: Job
    running: Job
    paused: Job
    ended: Job
    waiting: Job
    deferred: ImageResult
    failed: ImageResult
    completed: ImageResult
    store: Store
    store_import: StoreImport
    alert: Alert
    of_areas: Job
    pending: ImageResult
    too_small: ImageResult
    rule: CategoryRule
    report: Report
    category: Category
    group: StoreGroup
    key: ApiKey
    person: User
    delivery: Delivery


def alert_and_its_rule() -> Alert:
    """An alert of all jobs, and what its rule's page shows."""
    make_alert("L" * 64, of_all=True, state="dismissed", dismissed_at=NOW, reason="A festival")
    tested = RuleTest("area-days", 2_000, 3, "An area on a day.", "Right and wrong ones.", 2_000, 1, 40, 39)
    RuleCheck.objects.create(
        of_all=True, rule="area_visits", checked_at=NOW, found=1, backtest=tested.as_json(), tested_at=NOW
    )
    history = [{"at": NOW.isoformat(), "by": "anna", "what": "reopened", "reason": ""}]
    return make_alert(of_all=True, history=history)


def make_areas(anna: User, worker: int) -> tuple[Job, ImageResult, ImageResult, CategoryRule]:
    """A running job of three areas, two images of it, and the rule that refused one; past jobs' forecasts."""
    category = Category.objects.create(name="Bakery and confectionery")
    hosts = ["photos.a-rather-long-host-name.test", "*.cdn.example"]
    rule = CategoryRule.objects.create(
        category=category, min_width=1_024, most_images=6, priority=2, allowed_hosts=hosts
    )
    Store.objects.bulk_create(
        Store(store_id=f"{area}-{number}", name="x", area_code=area, category=category if area == "LAKE-2" else None)
        for area, stores in (("HILL-1", 6), ("LAKE-2", 1))
        for number in range(stores)
    )
    AreaWeight.objects.create(area_code="LAKE-2", weight=2)
    visits = [*((f"HILL-1-{number}", [LONG] * 5) for number in range(6)), ("LAKE-2-0", [LONG] * 8), ("N-2", [LONG])]
    job = submit_visits(*visits, owner=anna)
    claims = queue.claim(worker, limit=28)
    small = Outcome(claims[0], Evidence(size=(320, 240)), error=BelowCategorySize())
    record(worker, [small, *(success(claim) for claim in claims[1:22])])
    for stage, size, low, judged, covered in ((25, -1, 0.8, 250, 205), (50, 0, 0.7, 90, 50), (75, 1, None, 3, 1)):
        ForecastRange.objects.create(
            stage=stage, size=size, jobs=90, low=low, high=low and 3.2, judged=judged, covered=covered
        )
    images = ImageResult.objects.filter(job=job)
    return job, images.filter(state="pending").latest("rank"), images.get(pk=claims[0].image_id), rule


def make_webhook(anna: User) -> Delivery:
    """A failed delivery with a long answer and a long address; and a webhook of a single job."""
    endpoints.add_callback(17, anna, LONG)
    failed = make_failed(make_endpoint(anna, url=LONG, name="Warehouse " * 9))
    failed.log.filter(number=2).update(answer=f'{{"error": "{"word " * 60}", "{"x" * 300}": 1}}')
    endpoints.send_test(failed.endpoint)
    return failed


EQUAL = {"image": 1, "job": 1, "visit": 1, "store": "S-2", "day": "2026-11-20", "different_bits": 3}


def find_photos(image: ImageResult, settings: Any, folder: Path) -> None:
    """Keep a photo of the image, and find that its visit needs a look."""
    keep_in_folder(settings, folder)
    settings.KEEP_IMAGES = "original"
    keep(image, photo())
    of = {"visit_id": image.visit_id, "job_id": image.job_id, "owner_id": image.job.owner_id, "store_id": KNOWN_STORE}
    for code, details in ((OTHER_STORE, EQUAL), (BLURRED, {"sharpness": 1.25, "below": 3.0})):
        Finding.objects.create(
            image_id=image.pk, code=code, model="rules", version="1", found_at=NOW, details=details, **of
        )
    VisitLook.objects.create(image_id=image.pk, reasons=[OTHER_STORE], day=NOW.date(), **of)
    PhotoEvidence.objects.create(
        image=image, sha256=b"x" * 32, camera="A camera", brightness=90, contrast=40, sharpness=1.25
    )


def make_people(anna: User) -> tuple[ApiKey, User]:
    """Keys of anna's, one of them revoked, and somebody with a role, a team, a key and a history."""
    make_key(anna)
    ApiKey.objects.revoke()
    key = make_key(anna, days=30)[0]
    person = User.objects.create_user("a-rather-long-name@" + "north" * 8, "somebody@" + "shop" * 12 + ".example")
    User.objects.create_user("gone", is_active=False)
    give_role(person, RoleName.OPERATOR)
    Team.objects.create(name="The team of the northern districts").members.add(person, anna)
    note(anna, person, "Role changed from none to operator.")
    make_key(person)
    return key, person


@pytest.fixture
def shown(anna, sign_in, settings, tmp_path) -> Shown:
    User.objects.filter(pk=anna.pk).update(is_staff=True, is_superuser=True)
    anna.refresh_from_db()
    worker = make_worker()
    urls = [LONG, *(f"http://{host}.test/{host}.jpg" for host in ("good", "gone", "page", "short"))]
    ended = submit_visits((KNOWN_STORE, urls), ("N-1", ["http://good.test/1.jpg"]), owner=anna)
    long, good, gone, page, short = queue.claim(worker, limit=5)
    seen = Evidence(http_status=404, redirects=[LONG, "http://gone.test/"], bytes=321, content_type="text/html")
    late = Truncated()
    late.retryable = False
    record(
        worker,
        [
            success(long), success(good), Outcome(gone, seen, error=HTTPStatus(404)),
            failure(page, NotAnImage()), failure(short, late),
        ],
    )  # fmt: skip
    running = submit_job(3, owner=anna)
    first, *_ = queue.claim(worker, limit=2)
    record(worker, [success(first)])
    paused = submit_job(2, owner=anna)
    actions.pause(paused.pk, anna)
    waiting = submit_job(4, owner=anna)
    for host, count in ((urlsplit(LONG).netloc + ":443", 3), ("photos.test:8080", 1)):
        pause_host(host)
        defer(waiting, host, count)
    of_areas = make_areas(anna, worker)
    visits(KNOWN_STORE, [*range(40), 3], owner_id=anna.pk)
    sign_in(anna)
    Store.objects.bulk_create(
        Store(store_id=f"C-{name}", name=name, area_code="C-1")
        for name in ("ROY KIOSK", "SEN KIOSK", "KIOSK", "BAKERY")
    )
    categorising.go_on()
    images = ImageResult.objects.filter(job=ended).order_by("pk")
    find_photos(images[0], settings, tmp_path)
    rows = ["A-1,GOOD,S-2", f"A-9,Shop {KNOWN_STORE},{KNOWN_STORE}", "A-1,,S-3", "A-1,ONE,S-4", "A-1,TWO,S-4"]
    return Shown(
        submit_job(2, owner=anna), running, paused, ended, waiting, waiting.images.earliest("pk"), images[2], images[0],
        Store.objects.get(store_id=KNOWN_STORE),
        imports.dry_run(store_file(*rows), "stores of november.csv", anna),
        alert_and_its_rule(),
        *of_areas,
        Report.objects.create(owner=anna, name="Failures by store", dimension="store", columns=Measure.values),
        Category.objects.get(name="Bakery and confectionery"),
        StoreGroup.objects.create(name="Kiosks of the first district", area="C-1", name_part="kiosk"),
        *make_people(anna),
        make_webhook(anna),
    )  # fmt: skip


PAGES = {
    "jobs": ["/jobs/", "/jobs/?q=nobody", "/jobs/{queued.pk}/", "/jobs/{running.pk}/", "/jobs/{paused.pk}/"],
    "a job that waits for its hosts": ["/jobs/{waiting.pk}/", "/jobs/{waiting.pk}/images/{deferred.pk}/"],
    "an ended job": [
        "/jobs/{ended.pk}/",
        "/jobs/{ended.pk}/?state=failed&host=gone.test&area=A-1",
        "/jobs/{ended.pk}/?code=nothing",
        "/jobs/{ended.pk}/images/{failed.pk}/",
        "/jobs/{ended.pk}/images/{completed.pk}/",
        "/jobs/{ended.pk}/delete/",
        "/jobs/{ended.pk}/retry/",
        "/jobs/{ended.pk}/retry/?code=http_404&host=gone.test&area=A-1",
    ],
    "areas, rules and forecasts": [
        "/jobs/{of_areas.pk}/",
        "/jobs/{of_areas.pk}/images/{pending.pk}/",
        "/jobs/{of_areas.pk}/images/{too_small.pk}/",
        "/jobs/forecasts/",
        "/stores/categories/rules/",
        "/stores/categories/{rule.category_id}/rule/",
    ],
    "stores": [
        "/stores/",
        "/stores/?q=nothing",
        "/stores/groups/",
        "/stores/groups/{group.pk}/",
        "/stores/duplicates/",
        "/stores/route/?area=A-1",
        "/stores/{store.pk}/",
        "/problems/",
        "/problems/?by=group",
        "/stores/import/",
        "/stores/import/{store_import.pk}/",
    ],
    "alerts": ["/alerts/", "/alerts/?about=nothing", "/alerts/{alert.pk}/", "/alerts/rules/area_visits/"],
    "visits and reports": [
        "/visits/",
        "/visits/list/?area=A-1",
        "/visits/unvisited/",
        "/reports/",
        "/reports/{report.pk}/",
        "/reports/{report.pk}/change/",
    ],
    "categories": [
        "/stores/categories/",
        "/stores/categories/{category.pk}/",
        "/stores/categories/other-words/",
        "/stores/categories/preview/?text=kiosk&kind=strong&category={category.pk}",
        "/stores/?category=none",
    ],
    "photos": [
        "/photos/",
        "/photos/?judged=true",
        "/photos/thresholds/",
        "/photos/thresholds/{rule.category_id}/",
        "/jobs/{ended.pk}/photos/",
        "/visits/{completed.visit_id}/photos/",
        "/stores/{store.pk}/photos/",
    ],
    "people": [
        "/account/",
        "/account/keys/{key.prefix}/revoke/",
        "/account/password/",
        "/account/sign-out-everywhere/",
        "/people/",
        "/people/?q=nobody",
        "/people/invite/",
        "/people/{person.pk}/",
        "/people/{person.pk}/deactivate/",
    ],
    "webhooks": [
        "/webhooks/",
        "/webhooks/{delivery.endpoint_id}/",
        "/webhooks/{delivery.endpoint_id}/?state=pending",
        "/webhooks/{delivery.endpoint_id}/change/",
        "/webhooks/{delivery.endpoint_id}/delete/",
        "/webhooks/{delivery.endpoint_id}/deliveries/{delivery.pk}/",
    ],
    "the rest": [
        "/submit/", "/submit/?way=file", "/submit/?way=json", "/operations/", "/operations/?host=photos.test%3A8080",
        "/operations/?host=gone.test%3A443", "/docs/errors/", "/docs/problems/"
    ],
}  # fmt: skip


def assert_well_made(page):
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.set_viewport_size(DESK)
    assert_accessible(page)
    assert_fits_a_phone(page)


@pytest.mark.timeout(900)
def test_every_page_is_well_made(page, shown, troubles, subtests):
    """All addresses of one world, in one page: they are only read."""
    for group, addresses in PAGES.items():
        for address in addresses:
            with subtests.test(f"{group}: {address}"):
                assert page.goto(address.format(**vars(shown))).status == 200
                assert_well_made(page)
                found = [*troubles]
                # What the next address is troubled by is its own.
                troubles.clear()
                assert not found


@pytest.mark.parametrize("width", [360, 1280])
def test_no_date_of_the_tiles_is_broken_or_too_wide(page, shown, monkeypatch, width):
    first = datetime(2031, 12, 28, 23, 58, tzinfo=UTC)
    monkeypatch.setattr(
        "dashboard.pages.job.estimates",
        lambda *_: {shown.ended.pk: Estimate(1234.5, first, 0.0, timedelta(days=5).total_seconds())},
    )
    # Of a job that has ended, whose page stands still.
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/jobs/{shown.ended.pk}/")
    ends = page.locator(".tiles dd", has_text="2031-12-28")
    expect(ends).to_have_text("2031-12-28 23:58 to 2032-01-02 23:58")
    # How many lines each date is on, and by how much it is wider than its tile.
    assert ends.evaluate(
        """(tile) => [...tile.querySelectorAll(".nowrap")].map((date) => date.getClientRects().length)"""
    ) == [1, 1]
    assert ends.evaluate("(tile) => tile.scrollWidth - tile.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_shown_of_webhooks_for_a_moment_is_well_made(page, shown, troubles):
    disable_by_itself(make_endpoint(shown.ended.owner, name="A warehouse"))
    page.goto("/webhooks/")
    expect(page.get_by_text("A webhook was disabled")).to_be_visible()
    page.get_by_label("Address").fill("http://10.0.0.1/hooks")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("It is refused")).to_be_visible()
    assert_well_made(page)
    assert all("400" in trouble for trouble in troubles)
    troubles.clear()
    page.get_by_label("Address").fill("https://receiver.example/hooks")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("whsec_")).to_be_visible()
    assert_well_made(page)
    page.get_by_role("link", name="Look at A warehouse").click()
    page.get_by_role("button", name="Enable it").click()
    expect(page.get_by_text("A webhook was disabled")).to_have_count(0)
    assert_well_made(page)


def test_there_is_something_to_see_before_the_first_job_and_store(page, anna, sign_in):
    User.objects.filter(pk=anna.pk).update(is_staff=True)
    allow(anna, "view_job", "change_pausedhost")
    sign_in(anna)
    for address in ("/jobs/", "/stores/", "/operations/", "/visits/", "/reports/", "/webhooks/"):
        page.goto(address)
        assert_well_made(page)


def test_what_asks_for_confirmation_is_well_made(page, shown):
    page.goto(f"/jobs/{shown.running.pk}/")
    page.get_by_role("button", name="Cancel …").click()
    assert_well_made(page)
    page.goto("/jobs/?stage=running")
    page.get_by_role("button", name="Count them …").click()
    assert_well_made(page)


def check(page, way, body):
    """Dry-run a body of one visit, sent in one of the three ways."""
    page.goto(f"/submit/?way={way}")
    (visit,) = body["visits"]
    if way == "form":
        page.get_by_label("Store id").fill(visit["store_id"])
        page.get_by_label("Time of the visit").fill(visit["visit_time"])
        page.get_by_label("Image URLs").fill("\n".join(visit["image_url"]))
    elif way == "file":
        file = {"name": "visits.json", "mimeType": "application/json", "buffer": json.dumps(body).encode()}
        page.get_by_label("File").set_input_files(file)
    else:
        page.get_by_label("Body of the submission").fill(json.dumps(body))
    page.get_by_role("button", name="Check it first").click()
    return page.get_by_role("region", name="Dry run")


@pytest.mark.parametrize("way", ["form", "file", "json"])
def test_the_outcome_of_a_dry_run_is_well_made(page, shown, way):
    visit = {"store_id": "N-1", "visit_time": "now", "image_url": [LONG, LONG, "http://10.0.0.1/x"]}
    expect(check(page, way, {"count": 1, "visits": [visit]})).to_contain_text("This would be accepted.")
    assert_well_made(page)
    visit["image_url"] = []
    expect(check(page, way, {"count": 1, "visits": [visit]})).to_contain_text("This would be refused")
    assert_well_made(page)


@pytest.mark.parametrize(("address", "status"), [("/nowhere/", 404), ("/jobs/987654/", 404), ("/operations/", 403)])
def test_a_refusal_is_a_page_as_well_made_as_others(page, anna, sign_in, troubles, address, status):
    sign_in(anna)
    assert page.goto(address).status == status
    assert_well_made(page)
    assert all(str(status) in trouble for trouble in troubles)
    troubles.clear()


def test_the_page_of_the_api_is_quiet_and_within_the_policy(page, shown):
    """Its own markup is Swagger UI's."""
    page.goto("/docs/")
    expect(page.locator(".opblock").first).to_be_visible()
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()
