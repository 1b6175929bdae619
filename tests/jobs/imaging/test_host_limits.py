"""How many images a host may have in flight: its window, its share, and the part of strangers."""

import pytest

from jobs import errors
from tests.jobs.imaging.host_world import HOST, OTHER, World
from tests.jobs.imaging.simulated import Process, good, silent


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(("slots", "few"), [(1, 1), (4, 1), (16, 2), (64, 8), (1024, 128)])
def test_a_host_begins_with_an_eighth_of_the_slots_and_with_one_at_least(slots, few):
    assert len(World(slots).begin_all()) == few


def test_a_good_host_without_others_gets_everything(world):
    world.warm()
    assert len(world.begin_all()) == 24


def test_each_answer_adds_one(world):
    first, second = world.begin_all()
    world.limits.fetched(HOST, first)
    assert len(world.begin_all()) == 1
    world.limits.fetched(HOST, second)
    assert len(world.begin_all()) == 1


def test_a_refusal_halves_what_a_host_may_have_once_for_all_that_were_in_flight(world):
    world.warm()
    images = world.begin_all()
    world.refuse(HOST, images[0])
    world.refuse(HOST, images[1])
    for image in images[2:]:
        world.answer(HOST, image)
    world.now += 1
    assert 12 <= len(world.begin_all()) <= 14


def test_after_a_refusal_it_grows_by_one_a_round_only(world):
    world.warm()
    images = world.begin_all()
    world.refuse(HOST, images[0])
    for image in images[1:]:
        world.limits.released(HOST, image)
    world.now += 1
    images = world.begin_all()
    assert len(images) == 12
    for image in images:
        world.answer(HOST, image)
    images = world.begin_all()
    assert len(images) == 12
    world.answer(HOST, images[0])  # only now is the round over: each answer has added a little less than the one before
    assert len(world.begin_all()) == 2


def test_a_small_window_is_spread_over_its_round(world):
    world.warm()
    image = world.begin()
    assert image is not None
    world.refuse(HOST, image)  # one was in flight: the window is one
    world.now += 1
    first = world.begin()
    assert first is not None
    world.answer(HOST, first)
    assert world.begin() is None
    world.now += 0.3
    assert world.begin() is not None


def test_the_operators_cap_limits_even_a_host_that_could_take_more():
    world = World(per_host=3)
    images = world.begin_all()
    for _ in range(20):
        for image in images:
            world.answer(HOST, image)
        images = world.begin_all(leftover=True)
    assert len(images) == 3


def test_a_url_without_a_host_always_begins(world):
    assert [world.begin("") for _ in range(100)] == list(range(1, 101))
    assert world.limits.finished("", 1, errors.InvalidURL(), fetch_seconds=0, model_seconds=0) is None


def test_equally_good_hosts_get_equal_shares(world):
    world.warm(HOST)
    world.warm(OTHER)
    one = world.begin(HOST)
    assert one is not None
    assert len(world.begin_all(OTHER)) == 12
    assert len(world.begin_all(HOST)) == 11


def test_what_a_host_cannot_use_the_others_may_have(world):
    world.warm(OTHER)
    first = world.begin(HOST)
    assert first is not None
    world.limits.fetched(HOST, first)
    # A window of 3 against one of 24.
    assert len(world.begin_all(OTHER)) == 21


@pytest.mark.parametrize(("seconds", "most"), [(0.01, 8), (0.25, 4), (0.5, 2), (3.0, 1)])
def test_a_host_gets_the_less_the_longer_it_keeps_a_slot(world, seconds, most):
    for host in ("a.example:80", "b.example:80"):
        world.warm(host)
        assert world.begin(host) is not None
    world.warm(HOST, seconds)
    assert 1 <= len(world.begin_all(HOST)) <= most


def test_beyond_its_share_a_host_gets_what_is_left_over(world):
    world.warm(HOST)
    world.warm(OTHER)
    assert world.begin(OTHER) is not None
    assert len(world.begin_all(HOST)) == 12
    assert len(world.begin_all(HOST, leftover=True)) == 12


def test_a_slow_host_leaves_a_few_slots_free_even_without_others(world):
    world.warm(HOST, seconds=3.0)
    assert len(world.begin_all(HOST, leftover=True)) == 14


def test_a_host_that_falls_silent_gets_less_before_a_request_has_timed_out(world):
    world.warm(HOST)
    world.warm(OTHER)
    other = world.begin(OTHER)
    assert other is not None
    world.limits.fetched(OTHER, other)
    silent_ones = world.begin_all(HOST)
    for image in silent_ones[:9]:
        world.limits.released(HOST, image)
    world.now += 5
    assert world.begin(HOST) is None


def test_strangers_share_a_part_and_one_job_gets_at_most_half_of_what_the_others_leave(world):
    begun = {job: sum(world.begin(f"s{n}.example:80", job) is not None for n in range(100)) for job in (1, 2, 3, 4, 5)}
    assert begun == {1: 6, 2: 3, 3: 2, 4: 1, 5: 0}


def test_strangers_have_at_most_half_of_the_slots_while_a_good_host_has_work(world):
    world.warm(OTHER)
    assert world.begin(OTHER) is not None
    begun = sum(world.begin(f"s{n}.example:80", n) is not None for n in range(100))
    assert begun == 8


def test_a_host_that_has_answered_is_no_longer_a_stranger(world):
    images = [(f"s{n}.example:80", world.begin(f"s{n}.example:80", 1)) for n in range(6)]
    assert world.begin("next.example:80") is None
    world.answer(*images[0])
    assert world.begin("next.example:80") is not None


def test_a_thousand_strange_hosts_with_one_image_each_are_done_in_bounded_time():
    process = Process()
    pictures = process.submit(1, *[(f"s{n}.example:80", good) for n in range(1000)])
    process.play(pictures=pictures)
    assert all(picture.code is None and picture.ended for picture in pictures)
    # With all 16 slots it would be 16 seconds.
    assert process.now < 30


def test_a_thousand_names_that_never_answer_leave_the_rest_to_others():
    process = Process()
    process.submit(1, *[(f"s{n}.example:80", silent) for n in range(1000)])
    process.play(until=25)
    begun = process.now
    pictures = process.submit(2, *[(HOST, good)] * 100)
    process.play(pictures=pictures)
    assert process.now - begun < 2 * 1.9 + 2


def test_one_host_under_a_thousand_names_that_answered_once_has_no_more_than_its_share():
    """They were good, and all fall silent at once."""
    process = Process()
    names = [f"s{n}.example:80" for n in range(1000)]
    process.play(pictures=process.submit(1, *[(name, good) for name in names]))
    process.submit(1, *[(name, silent) for name in names * 3])
    process.play(until=process.now + 5)
    begun = process.now
    pictures = process.submit(2, *[(HOST, good)] * 100)
    process.play(pictures=pictures)
    assert process.now - begun < 30
