"""Small runs of the webhooks' proof on a real service, and what makes a finding."""

import json

import pytest

from proofs.kill import IN_FLIGHT, LEASE_SECONDS
from proofs.report import Report
from proofs.webhook_beside import A_SLOW_ONE, dead_ones, new_dead_ones_of_another, show_beside
from proofs.webhook_findings import compare, ended_at
from proofs.webhook_storm import show_storm
from proofs.webhooks import STORM
from proofs.world.receivers import Heard
from proofs.world.service import World


@pytest.fixture
def stormy(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A service that may tell receivers on this machine."""
    monkeypatch.setattr(world, "settings", {**world.settings, **STORM})
    return world


def test_in_a_small_storm_every_endpoint_is_told_of_every_end(stormy: World):
    report = Report()
    server, worker = stormy.server("server"), stormy.worker("worker")

    planned = {"kill": 2, "restart": 1}
    show_storm(report, stormy, [server], [server, worker], planned, 170, 1, LEASE_SECONDS, IN_FLIGHT)

    assert [row.cells for row in report.missed] == []


def test_beside_dead_endpoints_a_healthy_one_is_told_of_every_end(stormy: World):
    report = Report()

    scenes = [A_SLOW_ONE, dead_ones(10), new_dead_ones_of_another(10)]
    show_beside(report, stormy, jobs=8, pause=0.05, scenes=scenes, seed=1)

    # How soon is a question for a quiet machine: `./run proof webhooks`.
    assert [row.cells for row in report.missed if not row.cells[0].endswith("p99")] == []


def body(event: str = "job.ended", job_id: int = 1) -> str:
    return json.dumps({"type": event, "timestamp": "2026-11-27T00:00:00Z", "data": {"id": job_id}})


def heard(text: str, taken: int = 1, **more) -> Heard:
    return Heard(**{"times": taken, "taken": taken, "first_at": 5.0, "bodies": [text], **more})


def findings(heard, jobs=(1,)) -> dict[str, int]:
    found = compare("healthy", jobs, heard)
    names = ("lost", "two_ids", "two_bodies", "strange", "unsigned")
    return {name: len(getattr(found, name)) for name in names if getattr(found, name)}


def test_an_end_that_came_twice_under_one_id_is_as_promised():
    found = compare("healthy", [1], {"a": heard(body(), taken=2)})

    assert findings({"a": heard(body(), taken=2)}) == {}
    assert (found.messages, found.requests, found.doubled) == (1, 2, 1)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ({}, {"lost": 1}),
        ({"a": heard(body(), taken=0, times=3)}, {"lost": 1}),
        ({"a": heard(body("job.started"))}, {"lost": 1}),
        ({"a": heard(body()), "b": heard(body())}, {"two_ids": 1}),
        ({"a": heard(body(), taken=0, times=1), "b": heard(body())}, {"two_ids": 1}),
        ({"a": heard(body(), bodies=[body(), body("job.started")])}, {"two_bodies": 1}),
        ({"a": heard(body()), "b": heard(body(job_id=2))}, {"strange": 1}),
        ({"a": heard(body()), "b": heard("no JSON")}, {"strange": 1}),
        ({"a": heard(body(), unsigned=1)}, {"unsigned": 1}),
    ],
)
def test_whatever_is_not_as_promised_is_a_finding(messages, expected):
    assert findings(messages) == expected


def test_failed_images_are_told_with_their_job():
    failed = json.dumps({"type": "image.failed", "data": {"job": {"id": 1}, "images": []}})

    assert findings({"a": heard(body()), "b": heard(failed)}) == {}


def test_the_end_of_a_job_is_told_when_it_first_arrives():
    assert ended_at({"a": heard(body(job_id=7)), "b": heard(body("job.started", 8))}) == {7: 5.0}
