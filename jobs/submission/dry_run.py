"""A dry run of a submission: every error at once, and warnings about what may not be as intended.

Nothing is stored, and only the database is queried: no name is resolved, no URL fetched.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.contrib.auth.models import User
from django.template.defaultfilters import pluralize

from jobs.errors import Blocked, FetchError, ImageError, TooManyForCategory
from jobs.imaging.guard import Guard
from jobs.pending_limit import too_many_pending
from jobs.reporting.throughput import seconds_for
from jobs.submission import references
from jobs.submission.doubts import doubtful_stores, image_urls, several_urls, unseen
from jobs.submission.groups import Groups, grouped, groups_of, largest, note
from jobs.submission.payload import InvalidPayload, Path, Problem, parse_submission
from jobs.submission.plan import Plan, VisitPayload
from jobs.submission.typos import Misspelling, find_misspellings


@dataclass(frozen=True, slots=True)
class Finding:
    """An error or a warning. `path` leads to the place in the body, from the outside in; it is empty if the whole body
    is meant. `code` is stable."""

    code: str
    message: str
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts of the valid visits and what they hold. `hosts` are those of URLs that will be fetched."""

    visits: int
    images: int
    stores: int
    hosts: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a submission would do: be refused if there are `errors`, otherwise be accepted, with `warnings` about what
    may not go as intended. JSON by `dataclasses.asdict`.

    Everything but `errors` describes the valid visits only. Groups count images, except `repeated_visits`,
    `undated_visits` and `doubtful_stores`, which count visits, and `invisible_characters`, which counts ids and URLs.
    `seconds` is how long the job may take if it has all worker slots to itself; None if no worker is alive.
    """

    errors: list[Finding]
    warnings: list[Finding]
    numbers: Numbers
    unknown_stores: Groups
    refused_by_rules: Groups
    repeated_urls: Groups
    repeated_visits: Groups
    refused_urls: Groups
    undated_visits: Groups
    doubtful_stores: Groups
    invisible_characters: Groups
    several_urls: Groups
    misspellings: list[Misspelling]
    seconds: float | None

    @property
    def accepted(self) -> bool:
        return not self.errors


def dry_run(data: Any, owner: User | None) -> DryRun:
    """What submitting this decoded body as this user would do. At most five queries, whatever its size, and one more
    for each kind of reference in it; 100,000 images take a second."""
    reference = ""
    try:
        submission = parse_submission(data)
        reference = submission.details.client_reference
        visits: Mapping[int, VisitPayload] = dict(enumerate(submission.visits))
        errors: list[Finding] = []
    except InvalidPayload as invalid:
        visits = invalid.valid_visits
        errors = [_error(problem) for problem in invalid.problems]
    errors += [
        Finding("reference_taken", f"{taken.sentence}.", taken.path)
        for taken in references.taken(reference, visits, owner)
    ]
    plan = Plan.of(list(visits.values()))
    unknown = _unknown_stores(visits, plan)
    by_rules = _refused_by_rules(visits, plan)
    refused, hosts = _refused_urls(visits)
    images = sum(len(visit.image_urls) for visit in visits.values())
    if too_many := too_many_pending(owner, plan.fetched):
        errors.append(Finding("too_many_pending", str(too_many)))
    repeated_urls = _repeated_urls(visits)
    repeated_visits = _repeated_visits(visits)
    undated = _undated_visits(visits)
    doubtful, invisible, several = map(grouped, (doubtful_stores(visits), unseen(visits), several_urls(visits)))
    misspellings = find_misspellings(data)
    # An image that is refused for its URL and something else is subtracted twice, which hardly changes the estimate.
    seconds = seconds_for(max(0, plan.fetched - refused.count))
    return DryRun(
        errors=errors,
        warnings=[
            *_warn("unknown_stores", unknown, "image{s} of {total} store{total_s} not in the store master will fail"),
            *_warn("refused_by_rules", by_rules, "image{s} will fail without a fetch because of a category's rule"),
            *_warn("refused_urls", refused, "image{s} will fail without a fetch because of the URL"),
            *_warn(
                "repeated_urls", repeated_urls, "image{s} {have} one of {total} URL{total_s} that occur more than once"
            ),
            *_warn("repeated_visits", repeated_visits, "visit{s} {have} the same store and time as another one"),
            *_warn("undated_visits", undated, "visit{s} {have} a time that is no date; filters by date leave such out"),
            *_warn("doubtful_stores", doubtful, "visit{s} {have} a store id that is probably not as meant"),
            *_warn("invisible_characters", invisible, "time{s} a store id or URL holds an invisible character"),
            *_warn("several_urls", several, "image{s} {have} several URLs in one text, which will be taken for one"),
            *(Finding("misspelled_key", str(spelling), spelling.path) for spelling in misspellings),
            *([] if seconds is not None else [_NO_WORKER]),
        ],
        numbers=Numbers(len(visits), images, len({visit.store_id for visit in visits.values()}), hosts),
        unknown_stores=unknown,
        refused_by_rules=by_rules,
        repeated_urls=repeated_urls,
        repeated_visits=repeated_visits,
        refused_urls=refused,
        undated_visits=undated,
        doubtful_stores=doubtful,
        invisible_characters=invisible,
        several_urls=several,
        misspellings=misspellings,
        seconds=seconds,
    )


_NO_WORKER = Finding("no_worker", "No worker is alive; the job will wait until one is, so its duration is unknown.")


def _error(problem: Problem) -> Finding:
    return Finding("invalid", f"{problem.sentence}.", problem.path)


def _warn(code: str, groups: Groups, sentence: str) -> Iterator[Finding]:
    """In `sentence`, `{s}` and `{have}` follow the count; `{total}` and `{total_s}` are of the different things."""
    if groups.count:
        words = {
            "s": pluralize(groups.count),
            "have": pluralize(groups.count, "has,have"),
            "total": f"{groups.total:,}",
            "total_s": pluralize(groups.total),
        }
        yield Finding(code, f"{groups.count:,} {sentence.format(**words)}.")


def _unknown_stores(visits: Mapping[int, VisitPayload], plan: Plan) -> Groups:
    unknown = {visit.store_id for visit in visits.values()}.difference(plan.stores)
    images: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    for number, visit in visits.items():
        if visit.store_id in unknown:
            images[visit.store_id] += len(visit.image_urls)
            note(places, visit.store_id, ("visits", number))
    return groups_of(images, places)


def _refused_by_rules(visits: Mapping[int, VisitPayload], plan: Plan) -> Groups:
    """The images that a rule of their store's category refuses, by what it says."""
    return grouped(
        (_rule_says(plan, visit, error), ("visits", number, "image_url", place))
        for position, (number, visit) in enumerate(visits.items())
        for place, error in plan.refused.get(position, {}).items()
    )


def _rule_says(plan: Plan, visit: VisitPayload, error: ImageError) -> str:
    """The same for all images that the rule refuses for the same reason."""
    rule = plan.rules[plan.stores[visit.store_id].rule_id or 0]
    if isinstance(error, TooManyForCategory):
        return f"{rule.category.name} takes at most {rule.most_images:,} of a visit"
    return f"{rule.category.name} takes none from this host"


def _refused_urls(visits: Mapping[int, VisitPayload]) -> tuple[Groups, int]:
    """The URLs that the guard refuses, grouped by its reason, and how many hosts the others have.

    Host names are accepted here: they are checked when they are resolved, before a fetch.
    """
    guard = Guard.from_settings()
    reasons: dict[str, str] = {}
    images: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    hosts = set()
    for path, url in image_urls(visits):
        try:
            host = guard.admit(url).host
        except FetchError as error:
            reason = str(error)
        else:
            if host not in reasons:
                reasons[host] = _reason(guard, host)
            reason = reasons[host]
            if not reason:
                hosts.add(host)
                continue
        images[reason] += 1
        note(places, reason, path)
    return groups_of(images, places), len(hosts)


def _reason(guard: Guard, host: str) -> str:
    """Why nothing is fetched from this address; empty for a name, or if it may be connected to."""
    try:
        ip_address(host)
    except ValueError:
        return ""
    try:
        guard.check(host, host)
    except Blocked as error:
        return str(error)
    return ""


def _repeated_urls(visits: Mapping[int, VisitPayload]) -> Groups:
    # Places are collected afterwards: lists of them for every URL would take more memory than the URLs.
    times = Counter(url for visit in visits.values() for url in visit.image_urls)
    repeated = Counter({url: count for url, count in times.items() if count > 1})
    listed = dict(largest(repeated))
    places: dict[str, list[Path]] = {}
    for path, url in image_urls(visits) if listed else ():
        if url in listed:
            note(places, url, path)
    return groups_of(repeated, places)


def _repeated_visits(visits: Mapping[int, VisitPayload]) -> Groups:
    times = Counter(map(_store_and_time, visits.values()))
    repeated = {key for key, count in times.items() if count > 1}
    count: Counter[str] = Counter()
    places: dict[str, list[Path]] = {}
    names: dict[Any, str] = {}
    for number, visit in visits.items() if repeated else ():
        key = _store_and_time(visit)
        if key in repeated:
            name = names.setdefault(key, f"{visit.store_id} at {visit.visit_time}")
            count[name] += 1
            note(places, name, ("visits", number))
    return groups_of(count, places)


def _store_and_time(visit: VisitPayload) -> tuple[str, Any]:
    # One instant can be written in many ways.
    return visit.store_id, visit.visited_at or visit.visit_time


def _undated_visits(visits: Mapping[int, VisitPayload]) -> Groups:
    return grouped(
        (visit.visit_time, ("visits", number, "visit_time"))
        for number, visit in visits.items()
        if visit.visited_at is None
    )
