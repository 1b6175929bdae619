"""Many images in one call of the model: who is computed with whom, and who pays when it fails."""

import io
import logging
import threading

import pytest

from jobs.imaging.batch import ModelAway
from jobs.imaging.batcher import Batcher
from jobs.imaging.gpu import MOST_ANSWER_BYTES, AnswerRefused
from jobs.imaging.ticket import Ending
from tests.jobs.imaging.fake_models import (
    MEASUREMENT,
    SAMPLE,
    FakeModel,
    Held,
    away,
    claim,
    doubled,
    fails_on,
    kinds,
    outcomes,
    running,
    submitted,
)
from tests.waiting import wait_for

# --- gathering


def test_what_waits_while_the_model_computes_is_its_next_batch():
    model = Held()
    with running(model) as batcher:
        first = submitted(batcher, ["a"])
        wait_for(lambda: model.sizes == [1])
        rest = submitted(batcher, ["b", "c", "d"])
        model.open.set()
        assert outcomes(first + rest) == ["a", "b", "c", "d"]
    assert model.calls == [[SAMPLE], ["a"], ["b", "c", "d"]]


def test_a_batch_is_no_larger_than_its_size():
    model = Held()
    with running(model, size=4) as batcher:
        tickets = submitted(batcher, [0])
        wait_for(lambda: model.sizes == [1])
        tickets += submitted(batcher, range(1, 10))
        model.open.set()
        assert outcomes(tickets) == list(range(10))
    assert model.sizes == [1, 4, 4, 1]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 10), (3, [1, 3, 3, 3]), (4, [1, 4, 4, 1]), (9, [1, 4, 4, 1])])
def test_nor_than_the_most_that_the_model_takes(most, sizes):
    model = Held()
    model.most = most
    with running(model, size=4) as batcher:
        tickets = submitted(batcher, [0])
        wait_for(lambda: model.sizes == [1])
        tickets += submitted(batcher, range(1, 10))
        model.open.set()
        assert outcomes(tickets) == list(range(10))
    assert model.sizes == sizes


def test_a_lone_image_waits_for_nobody():
    with running(FakeModel(), linger_seconds=3600) as batcher:
        assert outcomes(submitted(batcher, ["alone"])) == ["alone"]


class Preparing(FakeModel):
    """Prepares an image for as long as the test wants."""

    def __init__(self):
        super().__init__()
        self.began, self.may_end = threading.Event(), threading.Event()

    def prepare(self, image, measurement):
        if image.read(2) == b"\xff\xd8":
            return SAMPLE
        self.began.set()
        assert self.may_end.wait(30)
        raise OSError("truncated")


@pytest.fixture
def preparing():
    """A model for which an image is being prepared, and the thread in which it is."""
    model = Preparing()

    def prepare(batcher):
        def work():
            with pytest.raises(OSError, match="truncated"):
                batcher.prepare(io.BytesIO(b"photo"), MEASUREMENT)

        thread = threading.Thread(target=work)
        thread.start()
        assert model.began.wait(30)
        return thread

    yield model, prepare
    model.may_end.set()


def test_a_free_model_lingers_while_another_image_is_prepared(preparing):
    model, prepare = preparing
    with running(model, size=2, linger_seconds=3600) as batcher:
        thread = prepare(batcher)
        first = submitted(batcher, ["a"])
        wait_for(lambda: batcher.figures.waiting == 0)
        assert outcomes(first + submitted(batcher, ["b"])) == ["a", "b"]
        assert model.sizes == [2]
        model.may_end.set()
        thread.join(30)


def test_it_lingers_no_longer_than_it_may(preparing):
    model, prepare = preparing
    with running(model, linger_seconds=0.01) as batcher:
        thread = prepare(batcher)
        assert outcomes(submitted(batcher, ["a"])) == ["a"]
        model.may_end.set()
        thread.join(30)


def test_an_image_that_could_not_be_prepared_is_not_waited_for(preparing):
    model, prepare = preparing
    with running(model, linger_seconds=3600) as batcher:
        thread = prepare(batcher)
        model.may_end.set()
        thread.join(30)
        assert outcomes(submitted(batcher, ["a"])) == ["a"]


def test_each_thread_has_an_instance_of_its_own():
    both = threading.Barrier(2)

    def act(items):
        if items != [SAMPLE]:
            both.wait(30)
        return doubled(items)

    one, other = FakeModel(act), FakeModel(act)
    with running(one, other, size=1) as batcher:
        assert outcomes(submitted(batcher, ["a", "b"])) == ["a", "b"]
    assert (one.sizes, other.sizes) == ([1], [1])
    assert (one.loads, other.loads) == (1, 1)


# --- who is to blame


def held_until(model, batcher, items):
    """All of them in one batch."""
    first = submitted(batcher, ["first"])
    wait_for(lambda: model.sizes == [1])
    tickets = submitted(batcher, items)
    model.open.set()
    assert outcomes(first) == ["first"]
    return tickets


@pytest.mark.parametrize("bad", [0, 5, 31])
def test_a_batch_that_fails_is_split_down_to_the_image_that_is_to_blame(bad):
    model = Held(fails_on(bad))
    with running(model) as batcher:
        found = kinds(held_until(model, batcher, range(32)))
    assert found == [ValueError if number == bad else number for number in range(32)]
    # 32, two of each half down to 1, and for the first image the sample.
    assert len(model.calls) <= 2 + 1 + 2 * 5 + 1


def test_one_in_97_that_is_bad_fails_alone():
    bad = set(range(0, 300, 97))
    model = FakeModel(fails_on(*bad))
    with running(model) as batcher:
        found = kinds(submitted(batcher, range(300)))
    assert found == [ValueError if number in bad else number for number in range(300)]


def test_images_are_to_blame_though_all_of_a_batch_fail_if_the_sample_works():
    model = Held(fails_on(*range(8)))
    with running(model) as batcher:
        assert kinds(held_until(model, batcher, range(8))) == [ValueError] * 8
    assert model.calls.count([SAMPLE]) == 2  # the warm-up, and once for the batch


def test_a_model_that_fails_on_its_sample_too_is_away_and_no_image_is_to_blame():
    is_broken = threading.Event()

    def act(items):
        if is_broken.is_set():
            raise RuntimeError("CUDNN_STATUS_NOT_INITIALIZED")
        return doubled(items)

    model = Held(act)
    with running(model) as batcher:
        tickets = submitted(batcher, ["first"])
        wait_for(lambda: model.sizes == [1])
        tickets += submitted(batcher, range(32))
        is_broken.set()
        model.open.set()
        found = outcomes(tickets)
        # Found out soon, for the first one and for the batch: down to one image, and the sample.
        assert model.sizes == [1, 1, 32, 16, 8, 4, 2, 1, 1]
        assert {type(each) for each in found} == {ModelAway}
        assert str(found[0]) == "RuntimeError: CUDNN_STATUS_NOT_INITIALIZED"
        is_broken.clear()
        assert outcomes(submitted(batcher, ["later"])) == ["later"]


def test_a_model_that_says_that_it_is_away_is_not_asked_image_by_image():
    model = Held()
    with running(model) as batcher:
        first = submitted(batcher, ["first"])
        wait_for(lambda: model.sizes == [1])
        tickets = submitted(batcher, range(8))
        model.act = away
        model.open.set()
        assert kinds(first + tickets) == [ModelAway] * 9
    assert model.sizes == [1, 8]


def too_many(most, error):
    def act(items):
        if len(items) > most:
            raise error
        return doubled(items)

    return act


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 4"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_out_of_memory_halves_the_batches_from_then_on(error):
    model = Held(too_many(4, error))
    with running(model, size=16) as batcher:
        assert outcomes(held_until(model, batcher, range(16))) == list(range(16))
        assert batcher.size == 4
        assert outcomes(submitted(batcher, range(8))) == list(range(8))
    assert model.sizes[1:7] == [16, 8, 4, 4, 4, 4]
    assert max(model.sizes[7:]) <= 4


def test_an_image_that_is_too_large_for_the_memory_fails_alone():
    model = FakeModel(fails_on("huge", error=MemoryError()))
    with running(model) as batcher:
        assert kinds(submitted(batcher, ["a", "huge", "b"])) == ["a", MemoryError, "b"]
        assert batcher.size >= 1


@pytest.mark.parametrize("wrong", [lambda items: doubled(items)[1:], lambda items: None, lambda items: 7 * [None]])
def test_a_wrong_number_of_answers_is_the_fault_of_the_image_that_causes_it(wrong):
    model = Held(lambda items: wrong(items) if "bad" in items else doubled(items))
    with running(model) as batcher:
        found = outcomes(held_until(model, batcher, ["a", "b", "bad", "c"]))
    assert [str(found.pop(2)), *found] == [
        f"The model gave {'NoneType' if wrong([1]) is None else len(wrong([1]))} answers for 1 images.",
        *"abc",
    ]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"score": float("nan")}, "not JSON"),
        ({"text": "x" * 2**20}, "1,048,588 bytes"),
        ("text", "no dictionary"),
        ({"text": "half \ud800"}, "half a character"),
        ({"nul": "\0"}, "NUL"),
    ],
)
def test_an_answer_that_cannot_be_kept_fails_its_image_alone(answer, says):
    model = Held(lambda items: [answer if item == "bad" else {"item": item} for item in items])
    with running(model) as batcher:
        found = outcomes(held_until(model, batcher, ["a", "bad", "b"]))
    assert (found[0], found[2]) == ("a", "b")
    assert isinstance(found[1], AnswerRefused)
    assert says in str(found[1])
    assert model.sizes == [1, 3]  # nothing is computed twice


@pytest.mark.parametrize(("more", "kept"), [(0, True), (1, False)])
def test_an_answer_may_have_so_many_bytes_and_no_more(more, kept):
    text = "x" * (MOST_ANSWER_BYTES - len('{"item": ""}') + more)
    with running(FakeModel(lambda items: [{"item": text} for _ in items] if items != [SAMPLE] else [None])) as batcher:
        (found,) = outcomes(submitted(batcher, ["a"]))
    assert (found == text) is kept


def test_not_even_an_exit_in_the_model_ends_its_thread():
    model = FakeModel(fails_on("bad", error=SystemExit()))
    with running(model) as batcher:
        assert kinds(submitted(batcher, ["bad"])) == [SystemExit]
        assert kinds(submitted(batcher, ["good"])) == ["good"]


# --- the end


@pytest.fixture
def lost():
    """What `lose` was called with."""
    called, found = threading.Event(), []

    def lose(suspects):
        found.extend(sorted(each.image_id for each in suspects))
        called.set()

    return lose, called, found


def test_a_call_that_takes_too_long_ends_the_process_and_puts_off_who_waits(lost, caplog):
    lose, called, suspects = lost
    model = Held()
    with caplog.at_level(logging.CRITICAL, "jobs.imaging.batcher"), running(model, lose=lose) as it:
        it.submit(claim(7), "hung")
        wait_for(lambda: model.sizes == [1])
        waiting = submitted(it, ["a", "b"])
        # Two hours later.
        it._threads[0].since -= 7200
        assert called.wait(30)
        assert suspects == [7]
        assert kinds(waiting) == [Ending, Ending]
        assert kinds(submitted(it, ["late"])) == [Ending]
    (record,) = caplog.records
    assert (record.message, record.images, record.model) == ("model hangs", [7], "fake")
    assert "infer_batch" in record.stack


@pytest.mark.parametrize(
    "text", ["CUDA error: device-side assert triggered", "an illegal memory access was encountered"]
)
def test_a_model_that_is_broken_for_good_ends_the_process(text, lost):
    lose, called, suspects = lost
    model = Held(fails_on("bad", error=RuntimeError(text)))
    with running(model, lose=lose) as batcher:
        tickets = held_until(model, batcher, ["a", "bad", "b"])
        assert called.wait(30)
        assert suspects == [0, 1, 2]
        assert kinds(tickets) == [Ending] * 3


def test_closing_puts_off_who_waits_and_who_is_computed():
    model = Held()
    with running(model) as batcher:
        tickets = submitted(batcher, ["computed"])
        wait_for(lambda: model.sizes == [1])
        tickets += submitted(batcher, ["waits"])
        batcher.close()
        assert kinds(tickets) == [Ending, Ending]
        assert kinds(submitted(batcher, ["late"])) == [Ending]


def test_a_drain_begins_no_batch_that_would_not_end_in_time():
    model = Held()
    with running(model) as batcher:
        batcher.drain(3600)
        assert kinds(held_until(model, batcher, ["in time"])) == ["in time"]
        batcher.drain(0)
        assert kinds(submitted(batcher, ["too late"])) == [Ending]


def test_an_image_that_nobody_waits_for_any_more_holds_nobody_up():
    model = Held()
    with running(model) as batcher:
        held_until(model, batcher, ["forgotten", "forgotten too"])
        assert outcomes(submitted(batcher, ["next"])) == ["next"]


# --- loading


@pytest.mark.parametrize("error", [OSError("no such file"), ModelAway("connection refused")])
def test_a_model_that_does_not_load_says_why(error):
    class Unloadable(FakeModel):
        def load(self):
            raise error

    with pytest.raises(type(error), match=str(error)), running(Unloadable()):
        """It is not started."""


def test_a_model_that_fails_on_the_sample_does_not_start():
    with pytest.raises(ValueError, match="cannot reshape"), running(FakeModel(fails_on(SAMPLE))):
        """It is not started."""


def test_a_model_that_was_away_at_first_is_warmed_up_once_it_is_there():
    model = FakeModel(away)
    batcher = Batcher([model], size=32, linger_seconds=0, step_seconds=3600, lose=lambda _: None)
    try:
        with pytest.raises(ModelAway):
            batcher.start()
        assert kinds(submitted(batcher, ["a"])) == [ModelAway]
        model.act = doubled
        assert kinds(submitted(batcher, ["b"])) == ["b"]
    finally:
        batcher.close()
    assert model.calls == [[SAMPLE], [SAMPLE], [SAMPLE], ["b"]]
    assert model.loads == 1


# --- figures


def test_it_counts_calls_images_and_what_waits():
    model = Held()
    with running(model, size=4) as batcher:
        tickets = submitted(batcher, [0])
        wait_for(lambda: model.sizes == [1])
        tickets += submitted(batcher, range(1, 9))
        assert batcher.figures.waiting == 8
        model.open.set()
        outcomes(tickets)
        wait_for(lambda: batcher.figures.batches == 3)
        found = batcher.figures
    assert (found.name, found.images, found.total_images, found.total_batches) == ("fake", 9, 9, 3)
    assert 0 < found.busy_seconds <= found.seconds
