"""A model that is away: when it is asked again, and by how many images."""

import pytest

from jobs.imaging.batch import ModelAway
from jobs.imaging.model_pause import LONGEST_REASON, ModelPause


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pause(clock):
    return ModelPause(clock)


def test_while_the_model_is_there_nothing_is_limited(pause):
    assert (pause.absence, pause.is_away, pause.most_claims, pause.ask()) == (None, False, None, False)


def test_the_pauses_grow_from_one_second_to_thirty(pause, clock):
    lengths = []
    pause.refused("away", is_trial=False)
    for _ in range(7):
        begun = clock.now
        while not pause.most_claims:
            clock.now += 0.5
        lengths.append(clock.now - begun)
        pause.claimed()
        assert pause.ask() is True
        pause.refused("away", is_trial=True)
    assert lengths == [1, 2, 4, 8, 16, 30, 30]


def test_nothing_is_claimed_and_nobody_asks_during_a_pause(pause, clock):
    pause.refused("away", is_trial=False)
    clock.now += 0.99
    assert (pause.is_away, pause.most_claims) == (True, 0)
    with pytest.raises(ModelAway, match="away"):
        pause.ask()
    clock.now += 0.01
    assert (pause.is_away, pause.most_claims) == (False, 1)


def test_after_it_one_image_asks_and_the_others_wait_for_what_it_finds(pause, clock):
    pause.refused("away", is_trial=False)
    clock.now += 1
    pause.claimed()
    assert pause.most_claims == 0
    assert pause.ask() is True
    with pytest.raises(ModelAway):
        pause.ask()
    pause.answered()
    assert (pause.absence, pause.most_claims, pause.ask()) == (None, None, False)


def test_an_image_that_never_gets_as_far_as_to_ask_does_not_hold_up_the_next_one(pause, clock):
    pause.refused("away", is_trial=False)
    clock.now += 1
    pause.claimed()
    clock.now += 0.99
    assert pause.most_claims == 0
    clock.now += 0.01
    assert pause.most_claims == 1


def test_a_trial_that_hangs_is_followed_by_another_one(pause, clock):
    pause.refused("away", is_trial=False)
    clock.now += 1
    assert pause.ask() is True
    clock.now += 29.99
    with pytest.raises(ModelAway):
        pause.ask()
    clock.now += 0.01
    assert pause.ask() is True
    pause.answered()
    assert pause.absence is None


def test_images_that_were_asking_meanwhile_decide_nothing(pause, clock):
    pause.refused("first", is_trial=False)
    pause.refused("second", is_trial=False)
    assert pause.absence.reason == "first"
    clock.now += 1
    assert pause.most_claims == 1


def test_after_an_answer_the_next_absence_begins_with_one_second_again(pause, clock):
    pause.refused("away", is_trial=False)
    for _ in range(4):
        clock.now += 30
        pause.ask()
        pause.refused("away", is_trial=True)
    clock.now += 30
    pause.ask()
    pause.answered()
    pause.refused("again", is_trial=False)
    clock.now += 1
    assert pause.most_claims == 1


def test_it_says_no_passwords(pause):
    pause.refused("http://model:secret@models.test:8000/v2?key=secret connection refused", is_trial=False)
    assert pause.absence.reason == "http://models.test:8000/v2?… connection refused"


def test_it_says_since_when_and_why_in_few_printable_characters(pause, clock):
    pause.refused("no\0 " + 300 * "x", is_trial=False)
    clock.now += 61
    pause.ask()
    pause.refused("still\n" + 300 * "x", is_trial=True)
    clock.now += 1
    absence = pause.absence
    assert absence.seconds == 62
    assert absence.reason.startswith("still\\n")
    assert len(absence.reason) == LONGEST_REASON
