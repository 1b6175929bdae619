"""What a host may have: learned from its answers, in simulated time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import errors
from jobs.imaging.host import HOLD_SECONDS, LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, SEVERAL, Pause
from jobs.imaging.host_limits import MOST_HOSTS, Admission, HostLimits
from tests.imaging.simulated import Bucket, Process, good, refusing, silent

HOST, OTHER = "photos.example:443", "other.example:443"
REFUSED = errors.HTTPStatus(503)


class World:
    """Limits of 16 slots, with a clock that the test moves."""

    def __init__(self, slots: int = 16, **options) -> None:
        self.now = 1000.0
        self.limits = HostLimits(slots, slots * 3 // 2, clock=lambda: self.now, **options)
        self.images = 0

    def begin(self, host: str = HOST, job: int = 1, **options) -> int | None:
        """The image that began; None where none may."""
        self.images += 1
        began = self.limits.begin(host, self.images, job, **options) is Admission.BEGINS
        return self.images if began else None

    def begin_all(self, host: str = HOST, job: int = 1, **options) -> list[int]:
        began = []
        while (image := self.begin(host, job, **options)) is not None:
            began.append(image)
        return began

    def answer(self, host: str, image: int, seconds: float = 0.01, model: float = 0.25) -> None:
        self.limits.fetched(host, image)
        self.limits.finished(host, image, None, fetch_seconds=seconds, model_seconds=model)

    def refuse(self, host: str, image: int, error: errors.ImageError = REFUSED):
        return self.limits.finished(host, image, error, fetch_seconds=0.01, model_seconds=0.0)

    def warm(self, host: str = HOST, seconds: float = 0.01) -> None:
        """Let a host answer until it may have all."""
        for _ in range(40):
            image = self.begin(host, leftover=True)
            assert image is not None
            self.answer(host, image, seconds)

    def pause(self, host: str = HOST, error: errors.ImageError = REFUSED) -> None:
        """Let a host refuse until it is paused."""
        for _ in range(SEVERAL):
            self.now += HOLD_SECONDS[1]
            image = self.begin(host)
            assert image is not None
            self.refuse(host, image, error)
        assert host in self.limits.due(9) or self.limits.next_opening() > 0

    def probe(self, host: str = HOST) -> int:
        self.now += LONGEST_PAUSE_SECONDS
        self.limits.shared(self.limits.changed_pauses())
        assert self.limits.due(9) == [host]
        self.images += 1
        self.limits.begin_probe(host, self.images, 1)
        return self.images


@pytest.fixture
def world():
    return World()


# ---- the window


@pytest.mark.parametrize(("slots", "few"), [(1, 1), (4, 1), (16, 2), (64, 8), (1024, 128)])
def test_a_host_begins_with_an_eighth_of_the_slots_and_with_one_at_least(slots, few):
    assert len(World(slots).begin_all()) == few


def test_a_good_host_that_is_alone_gets_all(world):
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
    world.answer(HOST, images[0])  # the round is only over now: each answer has added a little less than the one before
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


def test_a_person_s_cap_stands_above_what_a_host_could_bear():
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


# ---- the share


def test_hosts_as_good_as_one_another_get_as_much(world):
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


def test_a_slow_host_leaves_a_few_slots_to_others_even_when_it_is_alone(world):
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


# ---- strangers


def test_strangers_share_a_part_and_one_job_has_at_most_half_of_what_the_others_leave(world):
    begun = {job: sum(world.begin(f"s{n}.example:80", job) is not None for n in range(100)) for job in (1, 2, 3, 4, 5)}
    assert begun == {1: 6, 2: 3, 3: 2, 4: 1, 5: 0}


def test_strangers_have_half_of_the_slots_at_most_while_a_good_host_has_work(world):
    world.warm(OTHER)
    assert world.begin(OTHER) is not None
    begun = sum(world.begin(f"s{n}.example:80", n) is not None for n in range(100))
    assert begun == 8


def test_who_has_answered_is_no_stranger_any_more(world):
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
    """They were good, and fall silent all at once."""
    process = Process()
    names = [f"s{n}.example:80" for n in range(1000)]
    process.play(pictures=process.submit(1, *[(name, good) for name in names]))
    process.submit(1, *[(name, silent) for name in names * 3])
    process.play(until=process.now + 5)
    begun = process.now
    pictures = process.submit(2, *[(HOST, good)] * 100)
    process.play(pictures=pictures)
    assert process.now - begun < 30


# ---- refusals and pauses


def test_what_one_image_meets_is_its_own_trouble(world):
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


def test_what_others_have_met_before_does_not_excuse_a_url_that_fails_alone():
    """Three images are refused within the same half minute, each once; one of them goes on for ever."""
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
    # Alone it takes 3.5 seconds; the host is paused for moments, and grows slowly again.
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


def test_one_answer_in_between_and_it_is_no_row(world):
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
def test_a_host_that_answers_with_rubbish_is_well(world, error):
    for _ in range(40):
        image = world.begin()
        assert image is not None
        if isinstance(error, errors.MeasureError):
            world.limits.fetched(HOST, image)
        world.refuse(HOST, image, error)
    assert len(world.begin_all()) == 24


@pytest.mark.parametrize("error", [errors.DNSNotFound(), errors.Blocked(), errors.TLSFailed(), errors.Internal()])
def test_what_says_nothing_of_a_host_teaches_nothing(world, error):
    for _ in range(40):
        world.refuse(HOST, world.begin(), error)
    assert world.limits.is_stranger(HOST)
    assert len(world.begin_all()) == 2


def test_one_probe_at_a_time_tries_whether_the_host_has_recovered(world):
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


def test_a_probe_that_fails_otherwise_ends_the_pause_too(world):
    world.pause()
    world.refuse(HOST, world.probe(), errors.DNSNotFound())
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_probe_handed_back_leaves_its_place_to_another(world):
    world.pause()
    world.limits.released(HOST, world.probe())
    assert world.limits.due(9) == [HOST]


def test_no_probe_begins_before_the_other_processes_know_of_the_pause(world):
    world.pause()
    world.now += LONGEST_PAUSE_SECONDS
    assert world.limits.due(9) == []
    world.limits.shared(world.limits.changed_pauses())
    assert world.limits.due(9) == [HOST]


def test_an_answer_to_what_was_asked_before_the_pause_does_not_end_it(world):
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


def test_without_patience_every_refusal_costs_an_attempt_and_nobody_is_paused():
    world = World(patience=0)
    for _ in range(10):
        world.now += 2
        assert world.refuse(HOST, world.begin()) is None
    assert world.limits.changed_pauses() == {}
    world.now += 2
    assert len(world.begin_all()) == 1  # a window of two, spread over its round


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


def test_an_image_claimed_again_while_its_lost_claim_is_still_in_a_slot_leaks_nothing(world):
    for _ in range(10):
        assert world.limits.begin(HOST, 7, 1) is Admission.BEGINS
    world.limits.released(HOST, 7)
    world.limits.released(HOST, 7)
    assert not world.limits._strangers
    assert len(world.begin_all()) == 2


def test_bad_images_before_and_behind_good_ones_do_not_speak_for_their_host():
    process = Process()
    bad = [(HOST, refusing)]
    pictures = process.submit(1, *bad * 12, *[(HOST, good)] * 50, *bad * 6)
    process.play(pictures=pictures[12:62])
    assert {picture.code for picture in pictures[12:62]} == {None}
    assert process.now < 60


def test_one_bad_url_sent_several_times_is_one(world):
    for _ in range(5):
        world.now += 2
        image = world.begin()
        assert image is not None
        world.limits.finished(HOST, image, REFUSED, fetch_seconds=0, model_seconds=0, url="https://photos.example/a")
    assert world.limits.changed_pauses() == {}


# ---- what the processes share


def test_where_only_the_first_pauses_were_read_the_others_have_not_ended(world):
    world.pause("z.example:80")
    world.limits.shared(world.limits.changed_pauses())
    world.limits.learn_pauses({}, up_to="y.example:80")
    assert world.begin("z.example:80") is None
    world.limits.learn_pauses({}, up_to="z.example:80")
    world.now += 0.1
    assert world.begin("z.example:80") is not None


def test_without_patience_pauses_of_others_are_ended():
    world = World(patience=0)
    world.limits.learn_pauses({HOST: Pause(world.now + 30, world.now, "http_503", "It refused.")})
    assert world.begin() is not None
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_pause_of_another_process_holds_here(world):
    world.warm()
    world.limits.learn_pauses({HOST: Pause(world.now + 5, world.now, "http_503", "It refused.")})
    assert world.begin() is None
    world.now += 5
    assert world.limits.due(9) == [HOST]


def test_a_pause_that_others_have_ended_ends_here(world):
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
def test_a_pause_longer_than_a_host_may_ask_for_is_over_because_a_clock_was_set(world, jump):
    world.limits.learn_pauses({HOST: Pause(world.now + jump, world.now - jump, "http_503", "It refused.")})
    assert world.begin() is not None
    assert world.limits.changed_pauses() == {HOST: None}


def test_a_clock_that_was_set_back_makes_no_pause_longer(world):
    for _ in range(200):
        world.limits.learn_pauses({HOST: Pause(world.now + 30, world.now, "http_503", "It refused.")})
    world.now += 30
    assert world.limits.due(9) == [HOST]


# ---- buckets, and other weather


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("burst", [5, 20, 40])
@pytest.mark.parametrize("model", [(0.1, 0.4), (0.0, 0.0)])
def test_a_host_that_allows_so_many_a_second_fails_no_image(model, burst, status, retry_after):
    process = Process(model=model)
    bucket = Bucket(20, burst, status, retry_after)
    pictures = process.submit(1, *[(HOST, bucket)] * 200)
    process.play(pictures=pictures)
    assert {picture.code for picture in pictures} == {None}
    assert process.now < 1.5 * (200 - burst) / 20


def test_a_host_that_refuses_for_half_a_minute_fails_no_image():
    process = Process()
    pictures = process.submit(1, *[(HOST, lambda now: refusing(now) if now < 30 else good(now))] * 60)
    process.play(pictures=pictures)
    assert {picture.code for picture in pictures} == {None}
    assert process.now < 30 * 2


def test_a_host_that_refuses_every_other_request_is_bounded():
    turns = iter(range(10**9))
    process = Process()
    pictures = process.submit(1, *[(HOST, lambda now: good(now) if next(turns) % 2 else refusing(now))] * 100)
    process.play(until=200, pictures=pictures)
    assert all(picture.ended for picture in pictures)
    assert sum(picture.code is None for picture in pictures) >= 90


@pytest.mark.parametrize("after", [0.0, 1.0, 12.0, 60.0])
@pytest.mark.parametrize("server", [silent, refusing, lambda _: (30.0, errors.DeadlineExceeded())])
def test_a_host_in_trouble_delays_its_own_images_alone(server, after):
    process = Process()
    process.submit(1, *[("bad.example:80", server)] * 2000)
    process.play(until=after)
    begun = process.now
    pictures = process.submit(2, *[(HOST, good)] * 100)
    process.play(pictures=pictures)
    assert process.now - begun < 2 * 1.9 + 2


# ---- bounds


def test_hosts_are_remembered_up_to_a_bound_and_those_in_use_first(world):
    world.pause("paused.example:80")
    image = world.begin("busy.example:80")
    for n in range(3 * MOST_HOSTS):
        world.now += 1
        world.limits.finished(
            f"s{n}.example:80", world.begin(f"s{n}.example:80"), None, fetch_seconds=0, model_seconds=0
        )
    assert len(world.limits._hosts) <= MOST_HOSTS
    assert {"paused.example:80", "busy.example:80"} <= world.limits._hosts.keys()
    assert image in world.limits._hosts["busy.example:80"].flights


OUTCOMES = {
    "answered": None,
    "refused": REFUSED,
    "asked to wait": errors.HTTPStatus(429, retry_after=3.0),
    "not found": errors.HTTPStatus(404),
    "no such name": errors.DNSNotFound(),
}
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "leftover", "probe", "share", "released", *OUTCOMES]),
        st.integers(0, 7),
        st.sampled_from([0.0, 0.01, 0.3, 5.0, 40.0]),
    ),
    max_size=120,
)


@given(EVENTS)
def test_whatever_happens_no_place_is_lost_and_no_bound_is_passed(events):
    world = World()
    limits = world.limits
    hosts = [f"h{n}.example:80" for n in range(8)]
    flights: list[tuple[str, int]] = []
    for what, number, seconds in events:
        world.now += seconds
        if what in ("begin", "leftover"):
            before = limits.room(hosts[number], leftover=what == "leftover")
            image = world.begin(hosts[number], job=number % 3, leftover=what == "leftover")
            assert image is None or before > 0
            flights += [(hosts[number], image)] if image is not None else []
        elif what == "probe":
            for host in limits.due(number):
                world.images += 1
                limits.begin_probe(host, world.images, 1)
                flights.append((host, world.images))
        elif what == "share":
            changed = limits.changed_pauses()
            limits.shared(changed)
            limits.learn_pauses({name: pause for name, pause in changed.items() if pause is not None})
        elif flights:
            host, image = flights.pop(number % len(flights))
            if what == "released":
                limits.released(host, image)
            else:
                if what == "answered":
                    limits.fetched(host, image)
                limits.finished(host, image, OUTCOMES[what], fetch_seconds=seconds, model_seconds=0.2)
        entries = limits._hosts
        assert sorted((entry.name, image) for entry in entries.values() for image in entry.flights) == sorted(flights)
        assert limits._flying.keys() == {host for host, _ in flights}
        assert limits._strangers.total() == len(limits._strangers_began) <= 12 + len(hosts)
        for entry in entries.values():
            assert 1 <= entry.window <= 24
            assert entry.unanswered.keys() <= entry.flights.keys()
            assert entry.probe is None or entry.probe in entry.flights
            assert entry.pause is None or entry.pause.until <= world.now + LONGEST_PAUSE_SECONDS
            assert entry.pause is None or limits.begin(entry.name, -1, 1) is Admission.HOST_BUSY
    for host, image in flights:
        limits.released(host, image)
    assert not limits._strangers
    assert not limits._flying
