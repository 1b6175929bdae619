"""What counts as a refusal, when the host is to blame for it, and when it is paused, for all processes."""

import pytest

from jobs import errors
from jobs.imaging.host import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, SEVERAL, Pause
from jobs.imaging.host_limits import Admission
from tests.jobs.imaging.host_world import HOST, REFUSED, World
from tests.jobs.imaging.simulated import Process, good, refusing


@pytest.fixture
def world():
    return World()


def test_the_refusals_of_one_image_are_not_blamed_on_the_host(world):
    image = world.begin()
    assert world.refuse(HOST, image) is None
    world.now += 5
    assert world.limits.begin(HOST, image, 1) is Admission.BEGINS
    assert world.refuse(HOST, image) is None
    assert world.limits.changed_pauses() == {}


def test_a_single_url_that_always_refuses_fails_after_its_attempts_within_seconds():
    process = Process()
    pictures = process.submit(1, *[(HOST, good)] * 25, (HOST, refusing), *[(HOST, good)] * 25)
    process.play(pictures=pictures)
    assert [picture.code for picture in pictures].count("http_503") == 1
    assert sum(picture.code is None for picture in pictures) == 50
    assert process.now < 10


def test_earlier_refusals_of_others_do_not_excuse_a_url_that_fails_alone():
    """Three images are refused within half a minute, each once; one of them goes on being refused."""
    process = Process()
    once = [iter([refusing]), iter([refusing])]
    others = [(HOST, lambda now, turns=turns: next(turns, good)(now)) for turns in once]
    stuck = (HOST, lambda _: (2.0, errors.DeadlineExceeded()))
    pictures = process.submit(1, *[(HOST, good)] * 10, *others, stuck)
    process.play(pictures=pictures)
    assert [picture.code for picture in pictures] == [None] * 12 + ["deadline"]
    assert process.now < 4 * 2 + 10


@pytest.mark.parametrize("bad", [3, 10])
def test_several_urls_that_always_refuse_do_not_hold_up_their_host(bad):
    process = Process()
    pictures = process.submit(1, *[(HOST, refusing)] * bad, *[(HOST, good)] * 200)
    process.play(pictures=pictures[bad:])
    # Without them it takes 3.5 seconds; the host is paused briefly, and its window grows slowly again.
    assert process.now < 25
    process.play(pictures=pictures)
    assert process.now < 120 + 60
    assert {picture.code for picture in pictures[:bad]} == {"http_503"}


def test_several_different_images_refused_in_a_row_pause_the_host(world):
    world.pause()
    assert world.begin() is None
    ((name, pause),) = world.limits.changed_pauses().items()
    assert (name, pause.code, pause.number) == (HOST, "http_503", 1)
    assert pause.until == world.now + PAUSE_SECONDS[0]
    assert world.limits.due(9) == []
    assert 0 < world.limits.next_opening() <= PAUSE_SECONDS[0]


def test_an_answer_in_between_ends_the_row(world):
    for _ in range(5):
        for _ in range(SEVERAL - 1):
            world.now += 1
            world.refuse(HOST, world.begin())
        world.now += 2
        world.answer(HOST, world.begin())
    assert world.limits.changed_pauses() == {}


@pytest.mark.parametrize(
    "error",
    [
        errors.HTTPStatus(429),
        errors.HTTPStatus(502),
        errors.HTTPStatus(503),
        errors.HTTPStatus(504),
        errors.HTTPStatus(500, retry_after=1.0),
        errors.ReadTimeout(),
        errors.DeadlineExceeded(),
        errors.DNSTimeout(),
        errors.ConnectionFailed(),
    ],
    ids=lambda error: error.code,
)
def test_what_counts_as_a_refusal(world, error):
    world.pause(error=error)
    assert HOST in world.limits.changed_pauses()


@pytest.mark.parametrize(
    "error",
    [
        errors.HTTPStatus(404),
        errors.HTTPStatus(500),
        errors.HTTPStatus(404, retry_after=10.0),
        errors.NotAnImage(),
        errors.CorruptImage(),
        errors.TooLarge(),
        errors.ContentEncoding(),
        errors.BadRedirect(),
    ],
    ids=lambda error: error.code,
)
def test_a_host_that_answers_with_garbage_is_healthy(world, error):
    for _ in range(40):
        image = world.begin()
        assert image is not None
        if isinstance(error, errors.MeasureError):
            world.limits.fetched(HOST, image)
        world.refuse(HOST, image, error)
    assert len(world.begin_all()) == 24


@pytest.mark.parametrize("error", [errors.DNSNotFound(), errors.Blocked(), errors.TLSFailed(), errors.Internal()])
def test_errors_that_say_nothing_about_a_host_change_nothing(world, error):
    for _ in range(40):
        world.refuse(HOST, world.begin(), error)
    assert world.limits.is_stranger(HOST)
    assert len(world.begin_all()) == 2


def test_one_probe_at_a_time_tests_whether_the_host_has_recovered(world):
    world.pause()
    world.probe()
    assert world.limits.due(9) == []
    assert world.begin() is None


def test_a_probe_that_is_answered_ends_the_pause(world):
    world.pause()
    image = world.probe()
    world.limits.fetched(HOST, image)
    assert world.limits.changed_pauses() == {HOST: None}
    world.limits.finished(HOST, image, None, fetch_seconds=0.1, model_seconds=0.1)
    world.now += 1
    assert world.begin() is not None


def test_a_probe_that_fails_for_another_reason_also_ends_the_pause(world):
    world.pause()
    world.refuse(HOST, world.probe(), errors.DNSNotFound())
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_released_probe_lets_another_one_begin(world):
    world.pause()
    world.limits.released(HOST, world.probe())
    assert world.limits.due(9) == [HOST]


def test_no_probe_begins_before_the_other_processes_know_of_the_pause(world):
    world.pause()
    world.now += LONGEST_PAUSE_SECONDS
    assert world.limits.due(9) == []
    world.limits.shared(world.limits.changed_pauses())
    assert world.limits.due(9) == [HOST]


def test_an_answer_to_a_request_from_before_the_pause_does_not_end_it(world):
    world.warm()
    images = world.begin_all()
    for image in images[:SEVERAL]:
        world.refuse(HOST, image)
    world.answer(HOST, images[-1])
    assert world.begin() is None


def test_each_refused_probe_makes_the_next_pause_longer_up_to_a_limit(world):
    world.pause()
    pauses = []
    for _ in range(10):
        world.refuse(HOST, world.probe())
        pauses.append(world.limits.changed_pauses()[HOST].until - world.now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]


@pytest.mark.parametrize(
    ("asked", "waits"), [(7.0, 7.0), (0.0, PAUSE_SECONDS[0]), (99_999.0, LONGEST_PAUSE_SECONDS), (None, 0.5)]
)
def test_a_retry_after_is_honoured_within_bounds(world, asked, waits):
    world.pause(error=errors.HTTPStatus(429, retry_after=asked))
    pause = world.limits.changed_pauses()[HOST]
    assert pause is not None
    assert pause.until - world.now == waits


def test_refusals_of_a_host_cost_no_attempt_until_its_patience_has_ended(world):
    images = world.begin_all()
    world.refuse(HOST, images[0])
    world.refuse(HOST, images[1])
    world.now += 1
    refusal = world.refuse(HOST, world.begin())
    assert refusal is not None
    assert refusal.is_paused
    begun = world.now
    while (refusal := world.refuse(HOST, world.probe())) is not None:
        assert world.limits.exhausted() is None
    assert 120 <= world.now - begun < 120 + 2 * LONGEST_PAUSE_SECONDS
    name, pause = world.limits.exhausted()
    assert (name, pause.code) == (HOST, "http_503")
    world.limits.counted(HOST)
    assert world.limits.exhausted() is None


def test_without_patience_every_refusal_costs_an_attempt_and_no_host_is_paused():
    world = World(patience=0)
    for _ in range(10):
        world.now += 2
        assert world.refuse(HOST, world.begin()) is None
    assert world.limits.changed_pauses() == {}
    world.now += 2
    assert len(world.begin_all()) == 1  # a window of two, spread over one round


def test_a_person_resumes_a_host_at_once(world):
    world.pause()
    world.limits.resume(HOST)
    world.now += 0.1
    assert world.begin() is not None


def test_probes_are_few_at_a_time_and_those_overdue_for_longest_come_first(world):
    pauses = {f"h{n:03}.example:80": Pause(world.now + 300 - n / 10, world.now, "http_503", "") for n in range(300)}
    world.limits.learn_pauses({name: pause for name, pause in pauses.items() if pause.until <= world.now + 60})
    world.limits.learn_pauses(
        {f"h{n:03}.example:80": Pause(world.now - n, world.now, "http_503", "") for n in range(300)}
    )
    begun = []
    while due := world.limits.due(16):
        world.images += 1
        world.limits.begin_probe(due[0], world.images, 1)
        begun.append(due[0])
    assert begun == ["h299.example:80", "h298.example:80"]


def test_an_image_claimed_again_while_its_lost_claim_still_has_a_slot_leaks_nothing(world):
    for _ in range(10):
        assert world.limits.begin(HOST, 7, 1) is Admission.BEGINS
    world.limits.released(HOST, 7)
    world.limits.released(HOST, 7)
    assert not world.limits._strangers
    assert len(world.begin_all()) == 2


def test_bad_images_before_and_after_good_ones_are_not_blamed_on_their_host():
    process = Process()
    bad = [(HOST, refusing)]
    pictures = process.submit(1, *bad * 12, *[(HOST, good)] * 50, *bad * 6)
    process.play(pictures=pictures[12:62])
    assert {picture.code for picture in pictures[12:62]} == {None}
    assert process.now < 60


def test_one_bad_url_sent_several_times_counts_once(world):
    for _ in range(5):
        world.now += 2
        image = world.begin()
        assert image is not None
        world.limits.finished(HOST, image, REFUSED, fetch_seconds=0, model_seconds=0, url="https://photos.example/a")
    assert world.limits.changed_pauses() == {}


def test_if_only_the_first_pauses_were_read_the_others_have_not_ended(world):
    world.pause("z.example:80")
    world.limits.shared(world.limits.changed_pauses())
    world.limits.learn_pauses({}, up_to="y.example:80")
    assert world.begin("z.example:80") is None
    world.limits.learn_pauses({}, up_to="z.example:80")
    world.now += 0.1
    assert world.begin("z.example:80") is not None


def test_without_patience_pauses_of_other_processes_are_ended():
    world = World(patience=0)
    world.limits.learn_pauses({HOST: Pause(world.now + 30, world.now, "http_503", "It refused.")})
    assert world.begin() is not None
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_pause_of_another_process_applies_here(world):
    world.warm()
    world.limits.learn_pauses({HOST: Pause(world.now + 5, world.now, "http_503", "It refused.")})
    assert world.begin() is None
    world.now += 5
    assert world.limits.due(9) == [HOST]


def test_a_pause_that_another_process_has_ended_ends_here(world):
    world.pause()
    changed = world.limits.changed_pauses()
    world.limits.learn_pauses({})  # it has not been shared yet
    assert world.begin() is None
    world.limits.shared(changed)
    world.limits.learn_pauses({})
    world.now += 0.1
    assert world.begin() is not None
    assert world.limits.changed_pauses() == {}


def test_what_changes_while_it_is_shared_is_shared_again(world):
    world.pause()
    changed = world.limits.changed_pauses()
    world.refuse(HOST, world.probe())
    world.limits.shared(changed)
    assert world.limits.changed_pauses()[HOST].number == 2


@pytest.mark.parametrize("jump", [1e9, 1e300, float("inf")])
def test_a_pause_longer_than_a_host_may_ask_for_is_over_because_a_clock_was_changed(world, jump):
    world.limits.learn_pauses({HOST: Pause(world.now + jump, world.now - jump, "http_503", "It refused.")})
    assert world.begin() is not None
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_clock_that_was_set_back_makes_no_pause_longer(world):
    for _ in range(200):
        world.limits.learn_pauses({HOST: Pause(world.now + 30, world.now, "http_503", "It refused.")})
    world.now += 30
    assert world.limits.due(9) == [HOST]
