"""What a storm left behind, compared with what was promised."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from proofs.kill_storm import Storm
from proofs.kill_watch import Rescue
from proofs.report import Report
from proofs.samples import percentile
from proofs.world.ledger import Comparison
from proofs.world.processes import CommandFailed
from proofs.world.service import World

# How many sentences of one kind are shown.
SHOWN = 3
EVENTS = {
    "kill": "a process was killed and started again",
    "restart": "PostgreSQL was restarted as after a crash",
    "cut": "every connection was cut",
    "freeze": "a process was frozen for longer than its lease",
    "broker_kill": "the broker was killed and started again",
    "broker_freeze": "the broker was frozen for longer than anybody waits for it",
    "broker_cut": "every connection to the broker was cut",
    "broker_flush": "the broker lost its queue",
    "broker_alarm": "the broker had no memory left",
    "broker_stale": "a thousand stale messages came, half of them twice",
}


def show_events(report: Report, storm: Storm, planned: Mapping[str, int], seconds: float) -> None:
    """Report the events, and that all of the planned ones took place."""
    table = report.table("What happened", "event", "times")
    for event, times in planned.items():
        table.add(EVENTS[event], f"{storm.done[event]} of {times}", ok=storm.done[event] == times)
    table.add("kills of a process with images in flight", storm.kills_in_flight, ok=True)
    table.add("kills of a server during a submission", storm.kills_in_submit, ok=True)
    table.add(
        "submissions sent again; of these, already stored",
        f"{storm.client.resent}, {storm.client.replayed}",
        ok=True,
    )
    for sentence in storm.ended[:SHOWN]:
        table.add("a process ended by itself", sentence, ok=False)
    load = os.getloadavg()[0]
    table.add("images, time, load of the machine", f"{storm.images:,} in {seconds:.0f} s, {load:.1f}", ok=True)
    report.bar(
        "events that did not happen before the images ran out",
        _missing(storm.done, planned),
        0,
        ok=not _missing(storm.done, planned),
    )


def show_ledger(report: Report, found: Comparison, allowed: int) -> None:
    """Report what is lost, double or wrong, and downloads beyond those needed, of which `allowed` may occur."""
    sentences = {"lost": found.lost, "recorded twice": found.double, "wrong": found.wrong}
    if any(sentences.values()):
        table = report.table("Not as promised", "what", "details")
        for what, details in sentences.items():
            for sentence in details[:SHOWN]:
                table.add(what, sentence, ok=False)
    for what, details in sentences.items():
        report.bar(f"N1 images and jobs {what}, of {found.images:,} images", len(details), 0, ok=not details)
    report.bar(
        "N6 downloads beyond the recorded attempts, against hits times images in flight",
        f"{found.extra:,} ({found.extra / max(1, found.images):.1%})",
        f"<= {allowed:,}",
        ok=0 <= found.extra <= allowed,
    )


def show_rescues(report: Report, rescues: Sequence[Rescue], first_claims: Sequence[float], lease: float) -> None:
    """Report how soon claims were back in the queue, and the first claim after a restart of the database."""
    table = report.table("Until dead workers hold nothing, s", "after", "events", "images held", "p50", "p95", "max")
    for kind, sentence in EVENTS.items():
        of_kind = [rescue for rescue in rescues if rescue.kind == kind]
        seconds = [rescue.seconds for rescue in of_kind if rescue.seconds is not None]
        if not of_kind:
            continue
        figures = [f"{percentile(seconds, share):.2f}" for share in (0.5, 0.95, 1)]
        held = sum(rescue.held for rescue in of_kind)
        table.add(sentence, len(of_kind), held, *figures, ok=len(seconds) == len(of_kind))
        p95, longest = percentile(seconds, 0.95), percentile(seconds, 1)
        if kind == "kill":
            report.bar(
                "N2 killed: rescued, p95 and max",
                f"{p95:.2f} s, {longest:.2f} s",
                "< 2 s, < 5 s",
                ok=p95 < 2 and longest < 5,
            )
        if kind == "freeze":
            report.bar("N3 frozen: rescued", f"{longest:.2f} s", f"< {lease + 1:g} s", ok=longest < lease + 1)
    if first_claims:
        slowest = max(first_claims)
        report.bar("N4 first claim after PostgreSQL is back", f"{slowest:.2f} s", "< 3 s", ok=slowest < 3)


def show_log(report: Report, lines: Sequence[Mapping[str, Any]], frozen: Sequence[int]) -> None:
    """Report that stale outcomes were refused, and that no job finished twice."""
    stale = [line["worker"] for line in lines if line["event"] == "stale outcome dropped"]
    if frozen:
        refused = sum(worker in frozen for worker in stale)
        report.bar("N3 stale outcomes of the frozen process refused", refused, ">= 1", ok=refused > 0)
    report.bar("stale outcomes refused in all", len(stale), "any", ok=True)
    finished = Counter(line["job"] for line in lines if line["event"] == "job finished")
    twice = sum(times > 1 for times in finished.values())
    report.bar("jobs that finished twice", twice, 0, ok=not twice)


def show_audit(report: Report, world: World, **settings: str) -> None:
    """Report the service's own audit; `settings` may select another database."""
    try:
        output = world.manage("audit", **settings)
    except CommandFailed as broken:
        report.table("manage.py audit", "found").add(broken, ok=False)
        report.bar("manage.py audit", "exit code 1", "exit code 0", ok=False)
    else:
        report.bar("manage.py audit", output.splitlines()[0], "exit code 0", ok=True)


def _missing(done: Mapping[str, int], planned: Mapping[str, int]) -> int:
    return sum(max(0, times - done.get(event, 0)) for event, times in planned.items())
