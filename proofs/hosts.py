"""Photo hosts that are silent, slow, overloaded or down delay no images of other hosts, and fail none of their own.

One server of the service with 16 slots and otherwise default settings, a database and photo hosts of every kind run in
a separate network (proofs/hosts_world.py), and jobs are submitted over the API. The time that healthy images take
next to the others is compared with the time they take alone. Scenes with names that hang need Linux, and root or
unprivileged user namespaces; without them only the others are played, and the exit code is 3.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any, Self

from rich.console import Console

from jobs.imaging.sockets import READ_SECONDS
from proofs.report import CannotProve, Report
from proofs.world.cluster import CHECKOUT

type Found = dict[str, Any]

# The module that each world is a process of.
WORLD = "proofs.hosts_world"

# Scenes of one group are played one after the other, in one world; the first two groups run at the same time, since
# they mostly wait. The last one measures processor time.
GROUPS = (
    ("alone", "silent", "dripping", "refusing", "few-names", "many-names", "ahead", "bucket"),
    ("ailing", "closed", "fallen", "three", "broken"),
    ("claims",),
)
SCENES = tuple(scene for group in GROUPS for scene in group)
# A group is stopped after this time in any case.
GROUP_SECONDS = 600
# Beside others, healthy images may take twice the time that they take alone, plus this.
SLACK_SECONDS, MANY_HOSTS_SECONDS = 2.0, 6.0
# The service's own, see its settings.
HOST_PATIENCE_SECONDS = 120.0
# After that the counted attempts follow, each after a pause of half a minute.
LAST_ATTEMPTS_SECONDS = 90.0
# A host that keeps refusing several of its images is used less, but at a quarter of its rate at least.
SEVERAL_BROKEN = 4
ONE_BROKEN_SECONDS = 15.0
BUCKET_FACTOR, CLAIM_FACTOR, GOOD_SHARE = 1.5, 2.0, 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenes", nargs="+", choices=SCENES, default=list(SCENES), metavar="SCENE", help=f"of {', '.join(SCENES)}"
    )
    parser.add_argument("--quick", action="store_true", help="few images, and hosts that recover soon")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default: 1)")


def prove(options: argparse.Namespace) -> Report:
    # Nearly every bar is a multiple of what the healthy images take alone.
    wanted = {"alone", *options.scenes}
    groups = [[scene for scene in group if scene in wanted] for group in GROUPS]
    if options.quick:
        # To make a second world would take longer than the scenes.
        groups = [[scene for group in groups[:-1] for scene in group], groups[-1]]
    found = play(groups[:-1], options) | play(groups[-1:], options)
    report = Report()
    check(report, found)
    for scene in sorted(wanted - found.keys()):
        report.bar(f"scene {scene}", "not played to its end in time", "", ok=False)
    cannot = [what["cannot"] for what in found.values() if "cannot" in what]
    if cannot and not report.missed:
        report.show(Console())
        raise CannotProve(cannot[0])
    return report


def play(groups: Sequence[Sequence[str]], options: argparse.Namespace) -> dict[str, Found]:
    """The measurements of each scene; the groups run at the same time, each in its own world.

    Scenes for which the time was too short are missing.
    """
    deadline = time.monotonic() + GROUP_SECONDS
    with ExitStack() as stack:
        worlds = [stack.enter_context(WorldProcess(scenes, options)) for scenes in groups if scenes]
        return {scene: found for world in worlds for scene, found in world.result(deadline).items()}


class WorldProcess:
    """proofs/hosts_world.py as a process; what it has started ends with the block."""

    def __init__(self, scenes: Sequence[str], options: argparse.Namespace) -> None:
        quick = ["--quick"] if options.quick else []
        # Files, because pipes that nobody reads would block the process.
        self._found = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._process = subprocess.Popen(
            [sys.executable, "-m", WORLD, "--scenes", *scenes, "--seed", str(options.seed), *quick],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "retail_pulse.settings"},
            cwd=CHECKOUT,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=self._found,
            stderr=self._errors,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._found.close()
        self._errors.close()

    def result(self, deadline: float) -> dict[str, Found]:
        """The measurements of the scenes played until `deadline`. Raises RuntimeError where the world failed."""
        try:
            failed = self._process.wait(max(0.0, deadline - time.monotonic())) != 0
        except subprocess.TimeoutExpired:
            self._end()
            failed = False
        if failed:
            self._errors.seek(0)
            raise RuntimeError(f"The world of the hosts proof failed:\n{self._errors.read()}")
        self._found.seek(0)
        return {line["scene"]: line["found"] for line in map(json.loads, self._found)}

    def _end(self) -> None:
        # Not killed: it has to stop a database and servers.
        self._process.terminate()
        self._process.wait()


def check(report: Report, found: dict[str, Found]) -> None:
    """Report the figures of every scene, and the bars."""
    by_itself = found["alone"]["seconds"]
    for scene, what in found.items():
        if "cannot" not in what:
            CHECKS[scene](report, what, by_itself)
    broken = [audit for what in found.values() for audit in _audits(what) if audit]
    for output in broken:
        report.table("manage.py audit", "found").add(output, ok=False)
    report.bar("promises that manage.py audit found broken", len(broken), 0, ok=not broken)


def _audits(what: Any) -> list[str]:
    """Every `audit` in what was measured."""
    if isinstance(what, list):
        return [audit for each in what for audit in _audits(each)]
    if not isinstance(what, dict):
        return []
    own = [what["audit"]] if "audit" in what else []
    return own + [audit for each in what.values() for audit in _audits(each)]


def _done(what: Found) -> str:
    """As "100 of 100 in 2.1 s"; how many failed, if any did."""
    failed = f", {what['failed']} failed" if what["failed"] else ""
    seconds = "given up" if what["seconds"] is None else f"in {what['seconds']:.1f} s"
    return f"{what['completed']:,} of {what['images']:,} {seconds}{failed}"


def _is_done(what: Found, limit: float = float("inf")) -> bool:
    """Whether all of them were completed within `limit` seconds."""
    return what["seconds"] is not None and what["completed"] == what["images"] and what["seconds"] <= limit


def _bar_done(report: Report, what: str, found: Found, limit: float) -> None:
    report.bar(what, _done(found), f"all in <= {limit:.1f} s", ok=_is_done(found, limit))


def judge_alone(report: Report, found: Found, by_itself: float) -> None:
    table = report.table("Healthy images alone", "images", "seconds")
    for seconds in found["runs"]:
        table.add(found["images"], f"{seconds:.2f}", ok=True)


def judge_beside(what: str, slack: float = SLACK_SECONDS) -> Callable[[Report, Found, float], None]:
    """The check of a scene in which healthy jobs are submitted next to one of bad images."""

    def check(report: Report, found: Found, by_itself: float) -> None:
        table = report.table(
            f"Beside {what}",
            "bad images",
            "completed",
            "failed",
            "requests seen",
            "open at once",
            "healthy begin after s",
        )
        for job in found["jobs"]:
            bad, seen = job["bad"], job["seen"]
            begun = ", ".join("never" if each["begun"] is None else f"{each['begun']:.2f}" for each in job["healthy"])
            requests = sum(seen["answers"].values())
            row = (f"{bad['images']:,}", bad["completed"], bad["failed"], requests, seen["most_open"], begun)
            table.add(*row, ok=bad["images"] == job["number"])
            for each in job["healthy"]:
                after = f"{each['after']:.0f} s after {job['number']:,} of {what}"
                _bar_done(report, f"healthy, {after}", each, 2 * by_itself + slack)

    return check


def judge_bucket(report: Report, found: Found, by_itself: float) -> None:
    table = report.table("Hosts with a rate limit", "refusal", "requests by status")
    for each in found["tries"]:
        table.add(each["name"], _counts(each["answers"]), ok=True)
        limit = BUCKET_FACTOR * each["own"]
        _bar_done(report, f"host with a limit, {each['name']}; its own time {each['own']:.1f} s", each, limit)


def _counts(answers: dict[str, int]) -> str:
    return ", ".join(f"{status}: {number}" for status, number in sorted(answers.items()))


def judge_healed(what: str) -> Callable[[Report, Found, float], None]:
    """The check of hosts that were bad for a while: no image may fail; the time until all are done is reported."""

    def check(report: Report, found: Found, by_itself: float) -> None:
        for each in found["hosts"]:
            name = f"{each['images']} images of a host that {what} for {found['bad_for']:g} s, since then"
            report.bar(name, _done(each), "none fails", ok=_is_done(each))

    return check


def judge_fallen(report: Report, found: Found, by_itself: float) -> None:
    first, second = found["healthy"]
    held, begun = found["held"], first["begun"]
    report.bar("images in flight of a host that falls silent", held, "every slot's", ok=held >= found["slots"])
    table = report.table("Of the host that falls silent", "completed", "failed", "requests open at once")
    table.add(found["bad"]["completed"], found["bad"]["failed"], found["seen"]["most_open"], ok=True)
    shown = "never" if begun is None else f"{begun:.1f} s"
    is_soon = begun is not None and begun <= READ_SECONDS
    report.bar("healthy ones begin meanwhile", shown, f"<= {READ_SECONDS:g} s", ok=is_soon)
    limit = 2 * by_itself + SLACK_SECONDS
    _bar_done(report, "healthy, sent as it fell silent", first, READ_SECONDS + limit)
    _bar_done(report, "healthy, sent once its downloads have timed out", second, limit)


def judge_three(report: Report, found: Found, by_itself: float) -> None:
    table = report.table("Two good hosts, and a slow third", "third host", "completed", "images/s", "of the third")
    rate = found["runs"][0]["rate"]
    for run in found["runs"]:
        name = "none" if run["slow"] is None else f"{run['slow']:g} s an image"
        table.add(name, f"{run['completed']:,} of {run['images']:,}", f"{run['rate']:.1f}", run["slow_done"], ok=True)
    for run in found["runs"][1:]:
        share = run["rate"] / rate
        report.bar(
            f"two good hosts next to one of {run['slow']:g} s an image, of what they do without it",
            f"{share:.2f}",
            f">= {GOOD_SHARE:g}",
            ok=share >= GOOD_SHARE,
        )


def judge_broken(report: Report, found: Found, by_itself: float) -> None:
    for job in found["jobs"]:
        good, bad = job["good"], job["bad"]
        one = job["number"] == 1
        name = "one URL" if one else f"{job['number']} URLs"
        _bar_done(
            report,
            f"the host's others, where {name} {'is' if one else 'are'} always refused",
            good,
            (2 if one else SEVERAL_BROKEN) * job["alone"] + SLACK_SECONDS,
        )
        limit = ONE_BROKEN_SECONDS if one else HOST_PATIENCE_SECONDS + LAST_ATTEMPTS_SECONDS
        seconds = bad["seconds"]
        report.bar(
            f"{name} always refused; requests {_counts(job['answers'])}",
            f"{bad['failed']} of {bad['images']} failed {'given up' if seconds is None else f'in {seconds:.1f} s'}",
            f"all in <= {limit:g} s",
            ok=bad["failed"] == bad["images"] and seconds is not None and seconds <= limit,
        )


def judge_claims(report: Report, found: Found, by_itself: float) -> None:
    without, waiting = (median(found["claims"][name]) for name in ("without", "waiting"))
    front = found["in_front"]
    number = f"{found['waiting']:,}"
    table = report.table("Claims of 64", "what", "found")
    for name, figure in (
        ("no paused host, median ms", f"{1000 * without:.2f}"),
        (f"{number} wait for one, median ms", f"{1000 * waiting:.2f}"),
        ("reading paused hosts and waiting images, median ms", f"{1000 * median(found['rounds']):.2f}"),
        (f"{number} of one at the head of the queue: first claim, ms", f"{1000 * front['first']:.1f}"),
        ("claims until all are deferred, and their seconds", f"{front['number']:,}, {front['seconds']:.1f}"),
        ("slowest of these, ms", f"{1000 * front['slowest']:.1f}"),
        ("claims after that, median ms", f"{1000 * median(front['after']):.2f}"),
    ):
        table.add(name, figure, ok=True)
    factor = waiting / without
    bar = f"<= {CLAIM_FACTOR:g}x"
    report.bar(f"a claim while {number} images wait", f"{factor:.2f}x", bar, ok=factor <= CLAIM_FACTOR)


CHECKS: dict[str, Callable[[Report, Found, float], None]] = {
    "alone": judge_alone,
    "silent": judge_beside("a silent host"),
    "dripping": judge_beside("a host that drips"),
    "refusing": judge_beside("a host that answers 503"),
    "few-names": judge_beside("4 names that hang"),
    "many-names": judge_beside("400 names that hang", MANY_HOSTS_SECONDS),
    "ahead": judge_beside("a silent host, all before them in rank", MANY_HOSTS_SECONDS),
    "bucket": judge_bucket,
    "ailing": judge_healed("answered 503"),
    "closed": judge_healed("refused connections"),
    "fallen": judge_fallen,
    "three": judge_three,
    "broken": judge_broken,
    "claims": judge_claims,
}
