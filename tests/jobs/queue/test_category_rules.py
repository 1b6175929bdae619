"""What a category's rule asks of images: at submission, while they are measured, and at a retry."""

import pytest

from jobs import errors, queue
from jobs.imaging.types import Evidence, Outcome
from jobs.models import ImageResult
from jobs.states import OnError
from jobs.submission.dry_run import dry_run
from stores.models import Category, CategoryRule, Store
from tests.factories import failure, look, make_worker, submit_visits, success

pytestmark = pytest.mark.django_db

OURS, THEIRS = "https://cdn.photos.example/{}.jpg", "https://other.example/{}.jpg"


@pytest.fixture
def bakery():
    category = Category.objects.create(name="Bakery")
    Store.objects.create(store_id="B-1", name="Bakery", area_code="A", category=category)
    Store.objects.create(store_id="K-1", name="Kiosk", area_code="A")
    return category


def rule(category, **asked):
    made, _ = CategoryRule.objects.update_or_create(category=category, defaults=asked)
    return made


def urls(pattern, count):
    return [pattern.format(number) for number in range(count)]


def codes(job):
    return list(ImageResult.objects.filter(job=job).order_by("id").values_list("error_code", flat=True))


def outcomes(*made):
    queue.record(make_worker_of(made), list(made))


def make_worker_of(made):
    return ImageResult.objects.get(pk=made[0].claim.image_id).claimed_by


def test_of_a_visit_as_many_images_are_taken_as_the_rule_says_and_no_more(bakery):
    rule(bakery, most_images=3)
    job = submit_visits(("B-1", urls(OURS, 3)), ("B-1", urls(OURS, 4)), ("K-1", urls(OURS, 5)))
    assert codes(job) == [""] * 6 + ["too_many_for_category"] + [""] * 5
    assert (job.failed, job.status) == (1, "ongoing")
    refused = ImageResult.objects.get(state="failed")
    assert refused.error_message == (
        "Stores of the category Bakery take at most 3 images of a visit, and this is number 4."
    )
    assert refused.attempts == 0


@pytest.mark.parametrize(
    ("host", "is_taken"),
    [
        ("cdn.photos.example", True),
        ("CDN.Photos.Example", True),
        ("cdn.photos.example.", True),
        ("cdn.photos.example:8443", True),
        ("a.cdn.photos.example", False),
        ("photos.example", False),
        ("cdn.photos.example.evil.example", False),
        ("user:pw@other.example", False),
    ],
)
def test_images_of_hosts_that_the_rule_names_are_taken_and_no_others(bakery, host, is_taken):
    rule(bakery, allowed_hosts=["cdn.photos.example"])
    job = submit_visits(("B-1", [f"https://{host}/1.jpg", OURS.format(2)]))
    assert codes(job) == ["" if is_taken else "host_not_allowed", ""]


@pytest.mark.parametrize(
    ("host", "is_taken"), [("a.photos.example", True), ("a.b.photos.example", True), ("photos.example", False)]
)
def test_an_asterisk_stands_for_every_name_below(bakery, host, is_taken):
    rule(bakery, allowed_hosts=["*.photos.example"])
    assert codes(submit_visits(("B-1", [f"https://{host}/1"]))) == ["" if is_taken else "host_not_allowed"]


def test_a_url_that_is_none_is_for_the_fetch_to_refuse(bakery):
    rule(bakery, allowed_hosts=["cdn.photos.example"])
    assert codes(submit_visits(("B-1", ["nonsense", "ftp://other.example/1"]))) == ["", ""]


def test_a_job_of_refused_images_alone_is_accepted_and_has_failed(bakery):
    rule(bakery, allowed_hosts=["cdn.photos.example"])
    job = submit_visits(("B-1", urls(THEIRS, 2)))
    assert (job.status, job.failed) == ("failed", 2)
    assert job.store_errors == [
        {
            "store_id": "B-1",
            "error": "2 of 2 images failed (2 host_not_allowed), the first at https://other.example/0.jpg: "
            "Stores of the category Bakery take no images from this host.",
        }
    ]


def test_a_priority_moves_its_own_images_alone_by_an_hour_a_step(bakery):
    rule(bakery, priority=2)
    job = submit_visits(("K-1", urls(OURS, 1)), ("B-1", urls(OURS, 1)), priority=-1)
    kiosk, bakers = ImageResult.objects.filter(job=job).order_by("id")
    assert bakers.rank - kiosk.rank == pytest.approx(1 - 7200)
    assert (bakers.category_priority, kiosk.category_priority) == (2, None)


def test_a_refused_image_does_not_stop_its_store(bakery):
    rule(bakery, allowed_hosts=["cdn.photos.example"])
    job = submit_visits(("B-1", [THEIRS.format(1), *urls(OURS, 2)]), on_error=OnError.STOP_STORE)
    rows = ImageResult.objects.filter(job=job).order_by("id").values_list("state", "held")
    assert list(rows) == [("failed", False), ("pending", False), ("pending", True)]


def test_a_dry_run_says_the_same(bakery, django_assert_max_num_queries):
    rule(bakery, most_images=1, allowed_hosts=["cdn.photos.example"])
    visits = [
        {"store_id": "B-1", "visit_time": "t", "image_url": [THEIRS.format(1), OURS.format(2)]},
        {"store_id": "K-1", "visit_time": "t", "image_url": urls(THEIRS, 2)},
    ]
    with django_assert_max_num_queries(5):
        found = dry_run({"count": 2, "visits": visits}, None)
    assert found.accepted
    assert [(group.subject, group.count, group.places) for group in found.refused_by_rules.listed] == [
        ("Bakery takes none from this host", 1, ["visits[0].image_url[0]"]),
        ("Bakery takes at most 1 of a visit", 1, ["visits[0].image_url[1]"]),
    ]
    (warning,) = (each for each in found.warnings if each.code == "refused_by_rules")
    assert warning.message == "2 images will fail without a fetch because of a category's rule."


def test_refused_images_do_not_count_as_pending(bakery, settings):
    rule(bakery, most_images=2)
    settings.MAX_PENDING_IMAGES = 2
    submit_visits(("B-1", urls(OURS, 5)))


# --- the smallest size


def test_a_claim_carries_the_numbers_that_held_at_the_submission(bakery):
    rule(bakery, min_width=640, min_height=480)
    submit_visits(("B-1", urls(OURS, 1)), ("K-1", urls(OURS, 1)))
    rule(bakery, min_width=9_999, min_height=None)
    claims = queue.claim(make_worker(), limit=2)
    assert [(claim.min_width, claim.min_height) for claim in claims] == [(640, 480), (0, 0)]


def below(claim, width=100, height=50):
    return Outcome(claim, Evidence(size=(width, height)), error=errors.BelowCategorySize())


def test_a_smaller_image_fails_for_good_and_keeps_its_measured_size(bakery):
    rule(bakery, min_width=640)
    job = submit_visits(("B-1", urls(OURS, 1)))
    (claim,) = queue.claim(make_worker(), limit=1)
    outcomes(below(claim))
    image = ImageResult.objects.get(job=job)
    assert (image.state, image.error_code, image.width, image.height, image.perimeter) == (
        "failed",
        "below_category_size",
        100,
        50,
        None,
    )
    assert not image.retryable
    assert look(job).status == "failed"


def test_other_failures_keep_no_size(bakery):
    submit_visits(("B-1", urls(OURS, 1)))
    (claim,) = queue.claim(make_worker(), limit=1)
    outcomes(failure(claim, errors.NotAnImage()))
    assert ImageResult.objects.get().width is None


# --- a retry


def test_a_retry_asks_the_rule_again(bakery):
    rule(bakery, most_images=2, allowed_hosts=["cdn.photos.example"])
    job = submit_visits(("B-1", [OURS.format(1), THEIRS.format(2), OURS.format(3)]))
    assert codes(job) == ["", "host_not_allowed", "too_many_for_category"]
    assert queue.retry(job.pk) == queue.Retried(reopened=0, still_unknown=0, still_refused=2)
    assert codes(job) == ["", "host_not_allowed", "too_many_for_category"]
    rule(bakery, most_images=3)
    assert queue.retry(job.pk) == queue.Retried(1, 0, still_refused=1)
    rule(bakery, allowed_hosts=[])
    assert queue.retry(job.pk) == queue.Retried(1, 0)
    assert codes(job) == ["", "", ""]
    assert look(job).failed == 0


def test_a_retry_measures_by_the_rule_of_today(bakery):
    rule(bakery, min_width=640)
    job = submit_visits(("B-1", urls(OURS, 1)))
    (claim,) = queue.claim(make_worker(), limit=1)
    outcomes(below(claim))
    rule(bakery, min_width=90, min_height=40, priority=1)
    queue.retry(job.pk)
    image = ImageResult.objects.get(job=job)
    assert (image.min_width, image.min_height, image.category_priority, image.width) == (90, 40, 1, None)
    (claim,) = queue.claim(make_worker(), limit=1)
    outcomes(success(claim, 100, 50))
    assert look(job).status == "completed"


def test_a_retry_after_the_rule_is_gone_asks_nothing(bakery):
    rule(bakery, min_width=640, priority=3)
    job = submit_visits(("B-1", urls(OURS, 1)))
    (claim,) = queue.claim(make_worker(), limit=1)
    outcomes(below(claim))
    CategoryRule.objects.all().delete()
    queue.retry(job.pk)
    image = ImageResult.objects.get(job=job)
    assert (image.min_width, image.category_priority) == (None, None)


def test_a_retry_leaves_images_with_and_without_a_priority_as_far_apart_as_they_were(bakery):
    rule(bakery, priority=2)
    job = submit_visits(("K-1", urls(OURS, 2)), ("B-1", urls(OURS, 2)))
    ranks = ImageResult.objects.filter(job=job).order_by("id").values_list("rank", flat=True)
    before = list(ranks)
    queue.cancel(job.pk)
    queue.retry(job.pk)
    moved = {round(after - rank, 1) for rank, after in zip(before, ranks.all(), strict=True)}
    assert len(moved) == 1
    # Not an hour behind what is submitted now.
    assert 0 <= moved.pop() < 60


def test_a_retry_without_rules_asks_little(bakery, django_assert_max_num_queries):
    job = submit_visits(("B-1", urls(OURS, 3)))
    queue.cancel(job.pk)
    with django_assert_max_num_queries(14):
        queue.retry(job.pk)
