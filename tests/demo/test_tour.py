"""Does the demo say where the alerts come from that are not the ones of its history?"""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

from rich.console import Console

from demo.history import STORIES
from demo.image_server import ImageServer
from demo.scenes import long_visits, scenes
from demo.tour import MOST_SURPRISES, _show_alerts
from tests.conftest import FIXTURES


def shown(alerts: list[tuple[str, str]]) -> tuple[str, list[str]]:
    printed = StringIO()
    console = Console(file=printed, width=200)
    found = [{"rule": rule, "subject": subject, "says": "Found."} for rule, subject in alerts]
    surprises = _show_alerts(console, found, Path("/state"))
    return printed.getvalue(), surprises


def test_the_alerts_of_the_history_are_shown_without_another_word():
    printed, surprises = shown(list(STORIES))
    assert surprises == []
    assert all(subject in printed for _, subject in STORIES)
    assert "Unexpected" not in printed
    assert "delete" not in printed


def test_what_is_found_about_the_demos_own_photos_is_no_surprise():
    printed, surprises = shown([*STORIES, ("same_photo_other_store", "")])
    assert surprises == []
    assert "same_photo_other_store" in printed


def test_in_an_older_state_directory_what_is_missing_is_named_and_how_to_begin_anew():
    printed, surprises = shown([])
    assert len(surprises) == len(STORIES)
    assert "Unexpected: Alerts overdue_store DEMO0013: 0, not 1." in printed
    assert "end this one and delete /state." in printed


def test_of_many_other_alerts_a_few_are_named():
    others = [("overdue_store", f"S-{number}") for number in range(MOST_SURPRISES + 2)]
    printed, surprises = shown([*STORIES, *others])
    assert len(surprises) == len(others)
    assert printed.count(": 1, not 0.") == MOST_SURPRISES
    assert "Unexpected: 2 more." in printed


def test_its_jobs_are_of_visits_of_today_by_which_no_alert_is_judged():
    with ImageServer(FIXTURES / "images") as server:
        visits = [visit for scene in scenes(FIXTURES, server) for visit in scene.visits]
        visits += long_visits(FIXTURES, server, 1)
    ages = {datetime.now(UTC) - datetime.fromisoformat(visit["visit_time"]) for visit in visits}
    assert timedelta(0) <= min(ages) <= max(ages) < timedelta(minutes=1)
