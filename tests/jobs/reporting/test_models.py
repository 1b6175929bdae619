"""What workers say of their models, put together for people."""

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from jobs.engine.model_report import as_json, is_away
from jobs.imaging.model_figures import INTERVAL_SECONDS, INTERVALS, Figures, Tally
from jobs.imaging.model_pause import Absence
from jobs.imaging.model_step import ModelState
from jobs.models import Worker
from jobs.reporting.models import model_away, models
from tests.factories import make_worker

pytestmark = pytest.mark.django_db

FIGURES = Figures(
    name="signs",
    waiting=17,
    threads=2,
    seconds=60.0,
    batches=40,
    images=1_000,
    busy_seconds=30.0,
    total_batches=400,
    total_images=9_000,
    total_busy_seconds=200.0,
)


def says(state: ModelState | None) -> int:
    """A worker that says so of its model."""
    worker = make_worker()
    Worker.objects.filter(pk=worker).update(model=state and as_json(state), beat_at=Now())
    return worker


def test_a_worker_without_a_model_says_nothing():
    says(None)
    found = models(Worker.objects.all())
    assert (found.away, found.figures, model_away()) == ([], [], None)


def test_an_absence_began_so_long_before_the_beat():
    worker = Worker.objects.get(pk=says(ModelState(Absence(90.0, "connection refused"), [])))
    (away,) = models([worker]).away
    assert (worker.beat_at - away.since).total_seconds() == 90
    assert away.reason == "connection refused"


def test_readiness_says_how_many_are_away_the_longest_and_why(client):
    says(ModelState(Absence(10.0, "later"), []))
    says(ModelState(Absence(500.0, "first"), []))
    says(None)
    said = model_away()
    assert said.startswith("The model of 2 of 3 workers is away, for 50")
    assert said.endswith(": first")


def test_the_absence_of_a_dead_worker_is_over():
    worker = says(ModelState(Absence(10.0, "gone"), []))
    Worker.objects.filter(pk=worker).update(beat_at="2026-01-01T00:00:00Z")
    assert model_away() is None


def test_figures_are_those_of_a_batch_and_a_share_of_the_time():
    worker = Worker.objects.get(pk=says(ModelState(None, [FIGURES])))
    (found,) = models([worker]).figures
    assert (found.name, found.waiting, found.mean_batch, found.batch_ms) == ("signs", 17, 25, 750)
    assert (found.busy, found.busy_percent) == (0.25, 25)


def test_without_a_batch_there_are_no_means():
    idle = Figures("signs", 0, 1, 0.0, 0, 0, 0.0, 0, 0, 0.0)
    worker = Worker.objects.get(pk=says(ModelState(None, [idle])))
    (found,) = models([worker]).figures
    assert (found.mean_batch, found.batch_ms, found.busy, found.busy_percent) == (None, None, None, None)


def test_the_operations_page_shows_both(admin_client):
    says(ModelState(Absence(90.0, "connection <refused>"), [FIGURES]))
    shown = admin_client.get(reverse("dashboard:operations")).text
    assert "went away" in shown
    assert "connection &lt;refused&gt;" in shown
    for text in ("signs", "25.0", "750.0", "25 %", "17", ">40<"):
        assert text in shown


def test_without_models_the_page_says_nothing_of_them(admin_client):
    says(None)
    shown = admin_client.get(reverse("dashboard:operations")).text
    assert "Models" not in shown
    assert "went away" not in shown


def test_a_state_is_away_while_it_has_an_absence():
    assert not is_away(None)
    assert not is_away(ModelState(None, [FIGURES]))
    assert is_away(ModelState(Absence(1.0, ""), []))


def test_a_tally_forgets_what_is_older_than_a_minute():
    now = [0.0]
    tally = Tally(lambda: now[0])
    tally.add(32, 0.5)
    now[0] = INTERVAL_SECONDS * INTERVALS - 0.1
    tally.add(8, 0.1)
    found = tally.figures("signs", 0, 1, 0.0)
    assert (found.batches, found.images, found.total_images) == (2, 40, 40)
    now[0] += 0.1
    found = tally.figures("signs", 0, 1, 0.0)
    assert (found.batches, found.images, found.total_images) == (1, 8, 40)


def test_what_is_computing_counts_as_busy_but_never_as_more_than_the_time_there_was():
    now = [0.0]
    tally = Tally(lambda: now[0])
    now[0] = 10.0
    assert tally.figures("signs", 0, 1, 4.0).busy_seconds == 4
    assert tally.figures("signs", 0, 1, 40.0).busy_seconds == 10
