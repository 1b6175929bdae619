"""The command `retail-pulse`."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, Any, cast

from .client import Client, ExportFormat
from .errors import ClientError, Refused, Unreachable
from .lines import (
    CLOSED_PIPE,
    INTERRUPTED,
    OUTCOMES,
    REFUSED,
    UNAVAILABLE,
    count,
    dry_run_lines,
    printable,
    result_lines,
    status_line,
)
from .progress import Progress
from .results import append
from .types import Image, JobDetail, VisitRow

DEFAULT_URL = "http://127.0.0.1:8000"
SPOOL_BYTES = 2**20
# The largest MAX_BODY_BYTES of a service.
MOST_BYTES = 2**30
STATES = ("pending", "running", "completed", "failed")
DESCRIPTION = "Submit the photos of store visits to a Retail Pulse service, and see what became of them."
EPILOG = """\
The address comes from --url or RETAIL_PULSE_URL; an API key from --key-file or RETAIL_PULSE_API_KEY, never from an
argument, which others on the machine could read.
Exit code 0: done, or with --watch completed; 1: the job failed; 2: refused, or a file or an argument is wrong; 3: the
job was canceled; 69: the service is away for longer than --patience, or failed; 130: Ctrl-C, the job continues; 141:
the reader of a pipe has gone."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    options = _parser().parse_args(arguments)
    if sys.stdout is None:  # closed, as by `>&-`
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        # What the terminal cannot show is escaped.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        with Progress(sys.stderr) if getattr(options, "watch", False) else _Silent() as progress:
            client = Client(options.url, _key(options.key_file), patience=options.patience, say=progress.say)
            run: Callable[[Client, Any, Any], int] = options.run
            code = run(client, options, progress)
        sys.stdout.flush()
    except ClientError as error:
        return _fail(error, options)
    except BrokenPipeError:
        # `retail-pulse images 7 | head` ends quietly. Not by the signal: a connection that breaks sends it, too.
        return _without_output(CLOSED_PIPE)
    except OSError as error:
        reason = error.strerror or error
        if error.filename:
            return _fail(ClientError(f"{error.filename}: {reason}"), options)
        _complain(f"standard output: {reason}")
        return _without_output(REFUSED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _without_output(code: int) -> int:
    """Spares the interpreter another try, at its end, to print what could not be printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _fail(error: ClientError, options: Any) -> int:
    """Say why; as JSON too where one document is expected."""
    found: dict[str, Any] = {"detail": str(error)}
    if isinstance(error, Refused):
        found |= {"code": error.code, "errors": error.errors}
    # The sentence repeats the first fault.
    for sentence in [each["detail"] for each in found.get("errors", ())] or [str(error)]:
        _complain(sentence)
    if options.run in ONE_DOCUMENT:
        _finish(options, {"error": found}, 0)
    return UNAVAILABLE if isinstance(error, Unreachable) else REFUSED


class _Silent:
    """Where nothing is watched, only waiting is worth a word."""

    def __enter__(self) -> "_Silent":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, sentence: str) -> None:
        _complain(sentence)


def _submit(client: Client, options: Any, progress: Any) -> int:
    names = ("on_error", "priority", "reference", "encoding", "sheet")
    how = {**{name: getattr(options, name) for name in names}, "metadata": dict(options.metadata)}
    with _opened(options.file) as file:
        found = client.dry_run(file, **how)
        _print(dry_run_lines(found), options)
        if not found["accepted"]:
            _complain(f"{options.file}: nothing is submitted.")
            return _finish(options, found, REFUSED)
        if options.dry_run:
            return _finish(options, found, 0)
        key = os.urandom(16).hex() if options.again else None
        submitted = client.submit(file, idempotency_key=key, **how)
    job = submitted.job
    if submitted.replayed:
        _print([f"job {job['id']} was submitted before from the same file; --again submits it once more"], options)
    else:
        _print([f"job {job['id']} submitted"], options)
    if not options.watch:
        return _finish(options, job, 0)
    return _watch(client, job, options, progress)


def _status(client: Client, options: Any, progress: Any) -> int:
    job = client.job(options.job)
    if options.watch:
        return _watch(client, job, options, progress)
    if job["state"] == "ended":
        _print(result_lines(job, client.failures(options.job)), options)
    else:
        _print([status_line(job)], options)
    return _finish(options, job, 0)


def _watch(client: Client, job: JobDetail, options: Any, progress: Any) -> int:
    job_id = job["id"]
    try:
        for job in client.watch(job_id):
            progress.show(job)
        failures = client.failures(job_id)
    except (ClientError, KeyboardInterrupt) as end:
        progress.say(f"Job {job_id} continues; see it with: retail-pulse status {job_id} --watch")
        if isinstance(end, ClientError):
            raise
        return _finish(options, job, INTERRUPTED)
    assert job["outcome"] is not None
    _print(result_lines(job, failures), options)
    return _finish(options, job, OUTCOMES[job["outcome"]])


def _images(client: Client, options: Any, progress: Any) -> int:
    for image in client.images(options.job, **_filters(options), state=options.state, reference=options.reference):
        print(_json(image) if options.format == "json" else image_line(image))
    return 0


def _visits(client: Client, options: Any, progress: Any) -> int:
    names = ("store", "area", "since", "until", "reference", "visited_by", "metadata")
    for visit in client.visits(**{name: getattr(options, name) for name in names}):
        print(_json(visit) if options.format == "json" else visit_line(visit))
    return 0


def visit_line(visit: VisitRow) -> str:
    """One visit, its parts separated by tabs."""
    counts = visit["counts"]
    images = f"{counts['completed']:,} of {count(counts['total'], 'image')} completed, {counts['failed']:,} failed"
    return _tabbed(visit["store_id"], visit["visit_time"], f"job {visit['job_id']}", images)


def image_line(image: Image) -> str:
    """One image, its parts separated by tabs."""
    error = image["error"]
    found = f"{error['code']}: {error['message']}" if error else f"perimeter {image['perimeter']:,}"
    result = found if image["state"] in ("completed", "failed") else image["state"]
    return _tabbed(image["store_id"], image["visit_time"], image["image_url"], result)


def _tabbed(*parts: str) -> str:
    return "\t".join(map(printable, parts))


def _retry(client: Client, options: Any, progress: Any) -> int:
    filters = _filters(options)
    if options.dry_run:
        preview = client.preview_retry(options.job, **filters)
        matching = preview["matching"]
        match = f"{count(matching, 'failed image')} match{'es' if matching == 1 else ''}"
        _print([f"{match}, {preview['retryable']:,} of them may succeed"], options)
        return _finish(options, preview, 0)
    retried = client.retry(options.job, **filters)
    _print([f"{count(retried['reopened'], 'image')} of job {options.job} will be tried again"], options)
    if retried["still_unknown"]:
        _print([f"{retried['still_unknown']:,} stay failed, because their store is still unknown"], options)
    if options.watch and retried["reopened"]:
        return _watch(client, retried["job"], options, progress)
    return _finish(options, retried, 0)


def _export(client: Client, options: Any, progress: Any) -> int:
    path: Path | None = options.file if options.file != Path("-") else None
    form: ExportFormat = options.format or ("ndjson" if path and path.suffix in (".ndjson", ".jsonl") else "csv")
    written = client.export(options.job, path or sys.stdout.buffer, form=form, **_filters(options), state=options.state)
    if path:
        print(f"{path}: {written:,} bytes")
    return 0


def _results(client: Client, options: Any, progress: Any) -> int:
    number = append(client.results, options.file, options.cursor_file)
    print(f"{options.file}: {count(number, 'new result')}")
    return 0


def _filters(options: Any) -> dict[str, str | None]:
    return {name: getattr(options, name) for name in ("code", "host", "store")}


def _print(lines: Iterable[str], options: Any) -> None:
    if options.format == "text":
        for line in lines:
            print(printable(line))


def _finish(options: Any, document: Any, code: int) -> int:
    if options.format == "json":
        print(_json(document, indent=2))
    return code


def _json(document: Any, indent: int | None = None) -> str:
    """In ASCII where standard output is not UTF-8, whose own escapes would be no JSON."""
    return json.dumps(document, ensure_ascii=sys.stdout.encoding.lower() != "utf-8", indent=indent)


def _complain(sentence: str) -> None:
    print(printable(sentence), file=sys.stderr)


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """A copy, so that what is checked is what is submitted, however often, whatever happens to the file."""
    with SpooledTemporaryFile(SPOOL_BYTES) as copy:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            while block := file.read(SPOOL_BYTES):
                if copy.tell() + len(block) > MOST_BYTES:
                    raise ClientError(f"{name}: is larger than any service takes ({MOST_BYTES:,} bytes).")
                try:
                    copy.write(block)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, f"{gettempdir()}, for a copy of {name}") from error
        yield cast(IO[bytes], copy)


def _key(file: Path | None) -> str:
    return file.read_text(errors="replace").strip() if file else os.environ.get("RETAIL_PULSE_API_KEY", "")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "retail-pulse", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default=os.environ.get("RETAIL_PULSE_URL", DEFAULT_URL), help="of the service")
    parser.add_argument("--key-file", type=Path, help="a file that holds an API key and nothing else")
    parser.add_argument(
        "--patience", type=_seconds, default=300, metavar="SECONDS", help="how long to wait for a service that is away"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    submit = _command(commands, "submit", _submit, "submit a file of visits: CSV, .xlsx, JSON or an export")
    submit.add_argument("file", help="- for standard input")
    submit.add_argument("--watch", action="store_true", help="show the job on standard error until it ends")
    submit.add_argument("--dry-run", action="store_true", help="show what would happen, submit nothing")
    submit.add_argument("--again", action="store_true", help="also where the same file was submitted within a day")
    submit.add_argument("--on-error", choices=("continue", "stop_store"), help="overrides the value in FILE")
    submit.add_argument("--priority", type=int, metavar="N", help="-9 to 9; each step is worth an hour of waiting")
    submit.add_argument("--reference", help="your own id of the job, which no other job of yours may have")
    submit.add_argument(
        "--metadata",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="kept with the job; repeatable",
    )
    submit.add_argument("--encoding", help="of a CSV file; without it the service finds out")
    submit.add_argument("--sheet", metavar="NAME", help="of a workbook; without it the first that is not hidden")

    status = _command(commands, "status", _status, "show how far a job is, or how it ended")
    status.add_argument("job", type=int)
    status.add_argument("--watch", action="store_true", help="show the job on standard error until it ends")

    images = _command(commands, "images", _images, "list a job's images, a line each; as JSON a document a line")
    images.add_argument("job", type=int)
    images.add_argument("--state", choices=STATES, help="only images in this state")
    images.add_argument("--reference", help="only the image to which you gave this id")
    _add_filters(images)

    visits = _command(commands, "visits", _visits, "list visits of all jobs, a line each; as JSON a document a line")
    visits.add_argument("--store", help="only visits of the store with this id")
    visits.add_argument("--area", help="only visits of stores in this area; '' for unknown stores")
    visits.add_argument("--since", metavar="DATE", help="only visits from this day on, such as 2026-01-31")
    visits.add_argument("--until", metavar="DATE", help="only visits up to this day")

    visits.add_argument("--reference", help="only the visit to which you gave this id")
    visits.add_argument("--visited-by", metavar="NAME", help="only visits by this person")
    visits.add_argument("--metadata", metavar="NAME:VALUE", help="only visits of which you said this")

    retry = _command(commands, "retry", _retry, "try a job's failed images again")
    retry.add_argument("job", type=int)
    retry.add_argument("--watch", action="store_true", help="show the job on standard error until it ends")
    retry.add_argument("--dry-run", action="store_true", help="show how many images match, retry nothing")
    _add_filters(retry)

    export = commands.add_parser("export", help="write a job's images to a file, which appears once it is complete")
    export.set_defaults(run=_export)
    export.add_argument("job", type=int)
    export.add_argument("file", type=Path, nargs="?", default=Path("-"), help="if missing or -, standard output")
    export.add_argument("--format", choices=("csv", "ndjson"), help="default: by the extension of FILE, else csv")
    export.add_argument("--state", choices=STATES, help="only images in this state")
    _add_filters(export)

    results = commands.add_parser(
        "results", help="append to a file what has ended since the last time, each image once"
    )
    results.set_defaults(run=_results)
    results.add_argument("file", type=Path, help="of NDJSON, one result a line")
    results.add_argument(
        "--cursor-file", type=Path, required=True, help="keeps how far the feed was read; made by the first call"
    )
    return parser


def _command(commands: Any, name: str, run: Callable[..., int], explanation: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=explanation)
    command.set_defaults(run=run)
    command.add_argument("--format", choices=("text", "json"), default="text", help="of the output")
    return command


# The other commands print a document a line, or a file.
ONE_DOCUMENT = (_submit, _status, _retry)


def _add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--code", help="only images that failed with this code, such as http_404")
    command.add_argument("--host", help="only images of this host")
    command.add_argument("--store", help="only images of the store with this id")
