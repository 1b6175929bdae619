"""What people are told on a terminal, in lines: by this client, and by the service's own `manage.py submit`."""

from collections.abc import Iterable, Iterator, Sequence

from .types import Estimate, FailureGroups, Groups, JobDetail, RehearsalRow, StoreError

# How many lines of one kind are printed; further ones are only counted.
MOST_LINES = 10
# Exit codes: how a job ended that was watched, and why a command did not do its work.
OUTCOMES = {"completed": 0, "failed": 1, "canceled": 3}
REFUSED = 2
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
INTERRUPTED = 130
CLOSED_PIPE = 141


def printable(text: str) -> str:
    """The text with everything escaped that could control the terminal or hides from its reader."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    if ord(character) < 0x100:
        return f"\\x{ord(character):02x}"
    return f"<U+{ord(character):04X}>"


def count(number: int, noun: str) -> str:
    """For example `1 image`, `2,000 images`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_words(seconds: float) -> str:
    """For example `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def status_line(job: JobDetail) -> str:
    """How far a job is."""
    counts = job["counts"]
    # Canceled images have failed, too.
    failed = counts["failed"] + counts["canceled"]
    finished = counts["completed"] + failed
    line = f"job {job['id']} {job['state']}: {finished:,} of {counts['total']:,}"
    line += f", {counts['completed']:,} completed, {failed:,} failed"
    if estimate := job["estimate"]:
        line += f", {estimate['images_per_second']:.1f} images/s, {_left(estimate)}"
    if waiting := job["waiting_for"]:
        images = sum(host["images"] for host in waiting)
        how_many = "all of them wait" if job["all_waiting"] else f"{images:,} wait"
        host = waiting[0]["host"].removesuffix(":443")
        others = f" and {len(waiting) - 1:,} more" if len(waiting) > 1 else ""
        line += f", {how_many} for {host}{others}: {waiting[0]['message'].removesuffix('.')}"
    return line


def _left(estimate: Estimate) -> str:
    least, most = in_words(estimate["least_seconds"]), estimate["most_seconds"]
    if most is None:
        return f"at least {least} left"
    return f"{least} to {in_words(most)} left" if in_words(most) != least else f"about {least} left"


def dry_run_lines(found: RehearsalRow) -> Iterator[str]:
    """What a dry run found."""
    yield from (f"warning: {note}" for note in found["notes"])
    yield from (f"error: {error['detail']}" for error in found["errors"])
    details: dict[str, Groups] = {
        "unknown_stores": found["unknown_stores"],
        "refused_by_rules": found["refused_by_rules"],
        "repeated_urls": found["repeated_urls"],
        "repeated_visits": found["repeated_visits"],
        "refused_urls": found["refused_urls"],
        "undated_visits": found["undated_visits"],
        "doubtful_stores": found["doubtful_stores"],
        "invisible_characters": found["invisible_characters"],
        "several_urls": found["several_urls"],
    }
    for warning in found["warnings"]:
        yield f"warning: {warning['detail']}"
        if (groups := details.get(warning["code"])) is None:
            continue
        for group in groups["listed"][:MOST_LINES]:
            places = ", ".join(group["places"]) + (", …" if group["count"] > len(group["places"]) else "")
            yield f"  {group['count']:,} x {group['subject']} ({places})"
        yield from more(groups["total"] - min(len(groups["listed"]), MOST_LINES), "others")
    numbers = found["numbers"]
    took = f", about {in_words(found['seconds'])}" if found["seconds"] is not None else ""
    yield (
        f"{count(numbers['images'], 'image')} of {count(numbers['visits'], 'visit')} to "
        f"{count(numbers['stores'], 'store')}, from {count(numbers['hosts'], 'host')}{took}"
    )


def result_lines(job: JobDetail, failures: FailureGroups) -> Iterator[str]:
    """The result of a job that has ended."""
    counts = job["counts"]
    failed = counts["failed"] + counts["canceled"]
    yield (
        f"job {job['id']} {job['outcome']}: {counts['completed']:,} of {count(counts['total'], 'image')} completed, "
        f"{failed:,} failed"
    )
    for group in failures["groups"][:MOST_LINES]:
        area = f"area {group['area']}" if group["area"] else ""
        place = ", ".join(part for part in (group["host"], area) if part)
        yield f"  {group['images']:,} x {group['code']}{f' ({place})' if place else ''}: {group['message']}"
    yield from more(len(failures["groups"]) - MOST_LINES + failures["more_groups"], "groups of failures")
    yield from store_lines(job["store_errors"], job["store_errors_total"])


def store_lines(entries: Sequence[StoreError], total: int) -> Iterator[str]:
    """What failed of the first stores of `total`."""
    shown = entries[:MOST_LINES]
    yield from (f"  store {entry['store_id']}: {entry['error']}" for entry in shown)
    yield from more(total - len(shown), "stores")


def more(number: int, what: str) -> Iterable[str]:
    """A line about those that are not listed, if there are any."""
    return [f"  … and {number:,} more {what}"] if number > 0 else []
