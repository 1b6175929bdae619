"""Hosts that limit their rate, are down or refuse now and then, in simulated time."""

import pytest

from jobs import errors
from tests.jobs.imaging.host_world import HOST, World
from tests.jobs.imaging.simulated import Bucket, Process, good, refusing, silent


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("burst", [5, 20, 40])
@pytest.mark.parametrize("model", [(0.1, 0.4), (0.0, 0.0)])
def test_a_host_with_a_rate_limit_fails_no_image(model, burst, status, retry_after):
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


def test_a_host_that_refuses_every_other_request_takes_bounded_time():
    turns = iter(range(10**9))
    process = Process()
    pictures = process.submit(1, *[(HOST, lambda now: good(now) if next(turns) % 2 else refusing(now))] * 100)
    process.play(until=200, pictures=pictures)
    assert all(picture.ended for picture in pictures)
    assert sum(picture.code is None for picture in pictures) >= 90


@pytest.mark.parametrize("after", [0.0, 1.0, 12.0, 60.0])
@pytest.mark.parametrize("server", [silent, refusing, lambda _: (30.0, errors.DeadlineExceeded())])
def test_a_failing_host_delays_only_its_own_images(server, after):
    process = Process()
    process.submit(1, *[("bad.example:80", server)] * 2000)
    process.play(until=after)
    begun = process.now
    pictures = process.submit(2, *[(HOST, good)] * 100)
    process.play(pictures=pictures)
    assert process.now - begun < 2 * 1.9 + 2
