"""In which order do a job's images have their turn: do its areas move together?"""

import random
from bisect import bisect_left

import pytest

from jobs import queue
from jobs.models import ImageResult
from jobs.states import OnError
from jobs.submission.plan import VisitPayload
from jobs.submission.submit import submit
from jobs.submission.turns import places
from stores.models import AreaWeight, Store
from tests.factories import make_worker, submit_visits

NO_WEIGHTS: dict[str | None, float] = {}


def half_done(areas, area, weights=NO_WEIGHTS):
    """How far the job is once half of the area's images have had their turn, from 0 to 1."""
    turns = sorted(place for place, each in zip(places(areas, weights), areas, strict=True) if each == area)
    return (turns[len(turns) // 2 - 1] + 1) / len(areas)


def test_the_area_that_is_listed_last_is_half_done_when_the_job_is():
    areas = ["big"] * 9_000 + ["middle"] * 900 + ["small"] * 100
    assert half_done(areas, "small") == pytest.approx(0.5, abs=0.01)
    assert half_done(areas, "middle") == pytest.approx(0.5, abs=0.001)
    assert half_done(areas, "big") == pytest.approx(0.5, abs=0.001)
    # First come, first served.
    assert (areas.index("small") + 50) / len(areas) == 0.995


def test_the_order_is_that_of_the_fractions_and_of_the_submission_where_they_are_equal():
    areas = ["a", "a", "a", "a", "b", "b", "c", "c"]
    # a at 1/8, 3/8, 5/8, 7/8; b and c at 1/4 and 3/4.
    assert places(areas, NO_WEIGHTS) == [0, 3, 4, 7, 1, 5, 2, 6]


@pytest.mark.parametrize("areas", [["a"] * 5, [None] * 3, []])
def test_a_single_area_keeps_the_order_of_the_submission(areas):
    assert list(places(areas, NO_WEIGHTS)) == list(range(len(areas)))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_areas_each_is_as_far_as_the_job_give_or_take_an_image(seed):
    rng = random.Random(seed)
    names = range(rng.choice([2, 7, 60, 400]))
    areas = rng.choices(names, [rng.random() ** 3 + 0.01 for _ in names], k=2_000)
    found = places(areas, NO_WEIGHTS)
    # One image after the other, so that the job takes no more of the queue than before.
    assert sorted(found) == list(range(len(areas)))
    turns = {area: [] for area in areas}
    for place, area in sorted(zip(found, areas, strict=True)):
        turns[area].append(place)
    for area, its in turns.items():
        assert its == [place for place, each in zip(found, areas, strict=True) if each == area]
    # Areas with one image each have it in the middle of the job, all at once: of them, no order is fairer.
    for done in range(0, 2_000, 97):
        for its in turns.values():
            if len(its) > 1:
                among = sum(len(each) > 1 for each in turns.values())
                assert abs(bisect_left(its, done) - done / 2_000 * len(its)) <= 1 + among / 2_000 * len(its) + len(
                    turns
                ) / 2_000 * len(its)


def test_an_area_of_weight_two_is_done_when_another_is_at_half():
    areas = ["light"] * 100 + ["heavy"] * 100
    found = places(areas, {"heavy": 2.0, "light": 1.0})
    assert max(found[100:]) == pytest.approx(150, abs=1)
    assert sum(place < 150 for place in found[:100]) == pytest.approx(50, abs=1)
    assert sorted(found) == list(range(200))


# --- as it is stored


def make_stores_of(**areas):
    Store.objects.bulk_create(Store(store_id=store, name=store, area_code=area) for store, area in areas.items())


def order(job_id):
    """The stores in the order in which their images are claimed."""
    rows = ImageResult.objects.filter(job=job_id).order_by("rank", "id")
    return "".join(rows.values_list("visit__store_id", flat=True))


def visits(*listed):
    return [VisitPayload(store, "t", None, [f"http://p.test/{n}" for n in range(images)]) for store, images in listed]


@pytest.mark.django_db
def test_the_images_of_a_job_are_claimed_in_that_order_a_second_apart():
    make_stores_of(a="A", b="B", c="C")
    job = submit(visits(("a", 4), ("b", 2), ("c", 2))).job_id
    assert order(job) == "abcaabca"
    ranks = sorted(ImageResult.objects.values_list("rank", flat=True))
    assert [round(rank - ranks[0], 3) for rank in ranks] == list(range(8))
    claims = queue.claim(make_worker(), limit=3)
    assert {claim.image_id for claim in claims} == set(
        ImageResult.objects.order_by("rank", "id").values_list("id", flat=True)[:3]
    )


@pytest.mark.django_db
def test_weights_of_areas_count_from_the_next_submission_on():
    make_stores_of(a="A", b="B")
    AreaWeight.objects.create(area_code="B", weight=2)
    assert order(submit(visits(("a", 4), ("b", 4))).job_id) == "babbabaa"


@pytest.mark.django_db
def test_images_of_unknown_stores_hold_nobody_up():
    make_stores_of(a="A")
    job = submit(visits(("nowhere", 100), ("a", 2))).job_id
    known = ImageResult.objects.filter(job=job, state="pending").order_by("rank").values_list("rank", flat=True)
    first = ImageResult.objects.filter(job=job).order_by("rank").first().rank
    # As if they were an area of their own: in the middle of the first and of the second half.
    assert [round(rank - first) for rank in known] == [25, 76]


@pytest.mark.django_db
def test_a_store_keeps_the_order_of_its_images_where_they_go_one_after_the_other():
    make_stores_of(a="A", b="A", c="C")
    listed = visits(("a", 3), ("c", 2), ("b", 2), ("a", 2))
    job = submit(listed, on_error=OnError.STOP_STORE).job_id
    for store in "abc":
        rows = ImageResult.objects.filter(job=job, visit__store_id=store).order_by("id")
        assert list(rows.values_list("rank", flat=True)) == sorted(rows.values_list("rank", flat=True))
        assert list(rows.values_list("held", flat=True)) == [False] + [True] * (rows.count() - 1)


@pytest.mark.django_db
def test_ten_images_pass_ten_thousand_of_many_areas_that_came_before():
    make_stores_of(**{f"s{number}": f"A{number % 2_000}" for number in range(2_000)})
    submit(visits(*((f"s{number}", 5) for number in range(2_000))))
    make_stores_of(z="Z")
    job = submit(visits(("z", 10))).job_id
    rows = list(ImageResult.objects.order_by("rank", "id").values_list("job_id", flat=True))
    last = len(rows) - 1 - rows[::-1].index(job)
    # Each of the ten has at most as many images of the other job before it as seconds lie between the two submissions.
    assert last < 40


@pytest.mark.django_db
def test_a_submission_asks_as_many_questions_as_before(django_assert_num_queries):
    make_stores_of(a="A", b="B")
    listed = visits(("a", 1), ("b", 1))
    with django_assert_num_queries(9):
        submit(listed)


@pytest.mark.django_db
def test_a_retry_keeps_the_order_of_turns():
    make_stores_of(a="A", b="B")
    job = submit_visits(("a", ["http://p.test/1"] * 4), ("b", ["http://p.test/1"] * 4))
    before = order(job.pk)
    queue.cancel(job.pk)
    queue.retry(job.pk)
    assert order(job.pk) == before
