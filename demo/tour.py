"""What `./run demo` shows, from the empty state directory to the table of results."""

import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.brokers import Broker
from demo.history import STORIES, WEEKS
from demo.image_server import ImageServer
from demo.scenes import LONG_IMAGES, PAUSED_IMAGES, Scene, long_visits, scenes
from demo.service import Service, ServiceFailed, free_port
from retail_pulse.postgres.locks import open_lock, try_flock
from retail_pulse.postgres.server import ensure_running

JOBS_SECONDS = 60.0
POLL_SECONDS = 0.1
MOST_SURPRISES = 10


def tour(checkout: Path, home: Path, broker: Broker | None = None, *, stay: bool) -> list[str]:
    """Run the demo on the state directory `home`; with `stay`, keep serving until Ctrl-C.

    With a `broker`, ENGINE is celery: the server only sends messages, and a worker takes them.

    Returns the results that were not as expected, one sentence each. Raises ServiceFailed where the service could not
    be started, or another demo runs on `home`.
    """
    console = Console()
    console.print(f"State of this demo: {home} (delete it whenever you like).", soft_wrap=True)
    # Held for the whole demo, so that the database server is not stopped and started between two commands.
    ensure_running(home)
    with _alone(home), ImageServer(checkout / "fixtures" / "images") as images:
        settings = {
            "API_OPEN": "true",
            "ENGINE_AUTOSTART": "auto",
            "FETCH_ALLOW_CIDRS": "127.0.0.1/32",
            "FETCH_ALLOW_PORTS": f"80,443,{images.port}",
            # Short, so that /slow and the attempts after the first fit into the demo's time.
            "FETCH_DEADLINE_SECONDS": "2",
            "BACKOFF_BASE_SECONDS": "0.2",
        }
        if broker is not None:
            settings |= {"ENGINE": "celery", "BROKER_URL": broker.url, "ENGINE_AUTOSTART": "off"}
        service = Service(checkout, home, settings, free_port(near=8000))
        service.manage("migrate", "--verbosity", "0")
        imported = service.manage("import_stores", str(checkout / "fixtures" / "stores.csv"))
        console.print(f"Store master: {imported.splitlines()[-1]}", soft_wrap=True)
        console.print(f"History: {service.manage('demo_history')}", soft_wrap=True)
        service.manage("refresh_insights")
        service.manage("check_alerts")
        login, password = service.create_login()
        with service, service.worker() if broker is not None else nullcontext():
            console.print(f"Serving on {service.url}, images from {images.url}")
            if broker is not None:
                console.print(f"Shifts by {type(broker).__name__} at {broker.url}, for one worker", soft_wrap=True)
            console.print()
            jobs = {service.submit(scene.payload): scene for scene in scenes(checkout / "fixtures", images)}
            _watch(console, service, jobs)
            surprises = _show_results(console, service, jobs)
            visits = long_visits(checkout / "fixtures", images, PAUSED_IMAGES)[:1]
            surprises += _show_paused(console, service, visits)
            surprises += _show_alerts(console, service.alerts(login, password), home)
            if stay:
                visits = long_visits(checkout / "fixtures", images, LONG_IMAGES)
                running = service.submit({"count": len(visits), "visits": visits})
                total = sum(len(visit["image_url"]) for visit in visits)
                console.print(f"Job {running}, {total:,} images: running, for a minute or two.")
            if stay:
                _show_what_next(console, service, min(jobs), login, password)
                if broker is not None:
                    _show_celery(console, broker)
                console.print("\nServing until Ctrl-C.")
                service.wait()
                raise ServiceFailed("The server ended by itself; its log is serve.log in the state directory.")
    return surprises


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Raises ServiceFailed where another demo runs on `home`: two would work on each other's jobs."""
    lock = open_lock(home / "demo.lock")
    try:
        if not try_flock(lock, fcntl.LOCK_EX):
            raise ServiceFailed(
                "Another demo is running in this checkout: look at that one, or end it first, by Ctrl-C."
            )
        yield
    finally:
        os.close(lock)


def _show_results(console: Console, service: Service, jobs: dict[int, Scene]) -> list[str]:
    surprises = []
    for job_id, scene in jobs.items():
        status, images = service.status(job_id), service.images(job_id)
        console.print(_results(f"Job {job_id}, {scene.title}: {status['status']}", images))
        for entry in status.get("error", []):
            console.print(f"  {entry['store_id']}: {entry['error']}", markup=False, highlight=False, soft_wrap=True)
        console.print()
        surprises += scene.surprises(status, images)
    _show_surprises(console, surprises)
    return surprises


def _show_surprises(console: Console, surprises: list[str]) -> None:
    for surprise in surprises[:MOST_SURPRISES]:
        console.print(f"Unexpected: {surprise}", markup=False, style="red", soft_wrap=True)
    if len(surprises) > MOST_SURPRISES:
        console.print(f"Unexpected: {len(surprises) - MOST_SURPRISES:,} more.", style="red", highlight=False)


def _show_paused(console: Console, service: Service, visits: list[dict[str, Any]]) -> list[str]:
    job_id = service.submit({"count": len(visits), "visits": visits})
    state = service.control(job_id, "pause")
    console.print(f"Job {job_id}: {state}; it continues when somebody resumes it.", highlight=False)
    return [] if state == "paused" else [f"Job {job_id} is {state}, not paused."]


def _show_alerts(console: Console, alerts: list[dict[str, Any]], home: Path) -> list[str]:
    """What the insights have found: in a new state directory each story of the history once, and nothing else."""
    table = Table("alert", title=f"What stands out in {WEEKS} weeks of visits", title_justify="left")
    table.add_column("what was found", overflow="fold")
    for alert in alerts:
        table.add_row(f"{alert['rule']} {alert['subject']}", alert["says"])
    console.print(table)
    # Others are not of the history: with PHOTO_EVIDENCE, those of the demo's few photos, which all stores share.
    rules = {rule for rule, _ in STORIES}
    found = Counter((alert["rule"], alert["subject"]) for alert in alerts if alert["rule"] in rules)
    surprises = [
        f"Alerts {rule} {subject}: {found[rule, subject]}, not {STORIES[rule, subject]}."
        for rule, subject in sorted(found.keys() | STORIES.keys())
        if found[rule, subject] != STORIES[rule, subject]
    ]
    if surprises:
        _show_surprises(console, surprises)
        console.print(
            f"The {STORIES.total()} alerts of the invented visits are those of a new demo, on its first day. To see "
            f"them, end this one and delete {home}.",
            highlight=False,
            soft_wrap=True,
        )
    console.print()
    return surprises


def _watch(console: Console, service: Service, jobs: dict[int, Scene]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    deadline = time.monotonic() + JOBS_SECONDS
    with Progress(*columns, console=console) as progress:
        bars = {job_id: progress.add_task(f"Job {job_id}, {scene.title}") for job_id, scene in jobs.items()}
        while bars:
            for job_id, bar in list(bars.items()):
                summary = service.status(job_id, view="summary")
                counts = summary["counts"]
                progress.update(bar, total=counts["total"], completed=counts["completed"] + counts["failed"])
                if summary["status"] != "ongoing":
                    del bars[job_id]
            if time.monotonic() > deadline:
                return
            time.sleep(POLL_SECONDS)
    console.print()


def _results(title: str, images: list[dict[str, Any]], most: int = 12) -> Table:
    more = f"and {len(images) - most} more images" if len(images) > most else None
    table = Table("store", title=title, title_justify="left", caption=more)
    table.add_column("image", overflow="fold")
    for column in ("size", "perimeter", "attempts", "error"):
        table.add_column(column)
    for image in images[:most]:
        size = f"{image['width']} x {image['height']}" if image["width"] else ""
        table.add_row(
            image["store_id"],
            image["image_url"].split("/", 3)[-1],
            size,
            str(image["perimeter"] or ""),
            str(image["attempts"]),
            image["error"]["code"] if image["error"] else "",
        )
    return table


def _show_what_next(console: Console, service: Service, job_id: int, login: str, password: str) -> None:
    lines = f"""
Look at it, as {login} with the password {password} (only for this run):
  {service.url}/              the dashboard: jobs in every state, live; what failed, retry, export; stores; operations
  {service.url}/areas/        {WEEKS} weeks of invented visits: how areas compare, and what their weeks were like
  {service.url}/alerts/       the alerts above: what was expected and seen, and how often each rule is wrong
  {service.url}/stores/       categories, groups, problem stores, routes, possible duplicates
  {service.url}/docs/         the API, to be tried out
  {service.url}/admin/        the admin

Or by curl:
  curl -s '{service.url}/api/status?jobid={job_id}'
  curl -s '{service.url}/api/status?jobid={job_id}&view=summary'
  curl -s '{service.url}/api/status?jobid={job_id}&view=images&limit=2'
  curl -s '{service.url}/api/v1/jobs?outcome=failed'
  curl -s '{service.url}/api/v1/areas/matrix?by=category'
  curl -s '{service.url}/api/visits?startdate={datetime.now(UTC):%Y-%m-%d}'
  curl -s -H 'Content-Type: application/json' -d @fixtures/example-request.json {service.url}/api/submit/
  curl -sN '{service.url}/api/v1/jobs/events'"""
    console.print(lines, markup=False, highlight=False, soft_wrap=True)


def _show_celery(console: Console, broker: Broker) -> None:
    lines = f"""
Or by Celery's own commands:
  export ENGINE=celery BROKER_URL={broker.url}
  .venv/bin/celery -A retail_pulse.celery inspect active
  .venv/bin/celery -A retail_pulse.celery control cancel_consumer retail_pulse"""
    console.print(lines, markup=False, highlight=False, soft_wrap=True)
