"""Submit a job: paste JSON, upload a file, or fill a form; a dry run next to it shows the outcome first."""

import json
import re
import secrets
from hashlib import sha256
from io import BytesIO
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods
from rest_framework.exceptions import ParseError

from dashboard import parameters
from jobs.pending_limit import TooManyPending
from jobs.states import OnError
from jobs.submission.dry_run import dry_run
from jobs.submission.payload import InvalidPayload, holds_several_urls, parse_submission
from jobs.submission.references import ReferenceTaken
from jobs.submission.strict_json import StrictJSONParser
from jobs.submission.submit import IdempotencyToken, KeyReused, submit
from jobs.submission.visit_rows import UnreadableVisits
from jobs.submission.visits_file import VisitsFile, read_visits
from stores.charsets import charset_of
from tables.errors import Entry

WAYS = {"form": "Fill a form", "file": "Upload a file", "json": "Paste JSON"}
# Visits in the form at first, and at most: more of them come as a file.
VISITS, MOST_VISITS = 1, 50
# Characters of an uploaded file that are shown to be corrected in place; a longer one has to be chosen again.
MOST_SHOWN = 200_000


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def submit_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        way = request.GET.get("way", "form")
        return _show(request, way if way in WAYS else "form", [_blank() for _ in range(VISITS)])
    way = request.POST.get("way", "")
    way = way if way in WAYS else "form"
    visits = _visits_of(request) if way == "form" else [_blank()]
    if request.POST.get("act") == "add":
        return _show(request, way, [*visits, _blank()][:MOST_VISITS])
    text = request.POST.get("body", "")
    try:
        read, text = _read(request, way, visits, text)
    except UnreadableVisits as error:
        unreadable = [f"{capfirst(problem.sentence)}." for problem in error.problems]
        return _show(request, way, visits, text=text, unreadable=unreadable)
    except ParseError as error:
        return _show(request, way, visits, text=text, unreadable=[str(error.detail)])
    if request.POST.get("act") == "submit":
        return _submit(request, way, visits, read.body, text)
    return _show(request, way, visits, text=text, notes=read.notes, result=dry_run(read.body, _owner(request)))


def _read(request: HttpRequest, way: str, visits: list[dict[str, str]], text: str) -> tuple[VisitsFile, str]:
    """The decoded body, and its text where it is short enough to be shown. Raises ParseError, UnreadableVisits."""
    if way == "form":
        return VisitsFile(_body_of(visits, request)), text
    uploaded = request.FILES.get("file") if way == "file" else None
    if uploaded is not None:
        read = read_visits(
            BytesIO(uploaded.read()),
            entry=Entry.PAGE,
            declared=charset_of(uploaded),
            encoding=_option(request, "encoding") or None,
            sheet=_option(request, "sheet") or None,
        )
        shown = json.dumps(read.body, ensure_ascii=False, indent=2)
        return read, shown if len(shown) <= MOST_SHOWN else ""
    if not text.strip():
        raise ParseError("Choose a file." if way == "file" else "Paste the body of a submission, as the API takes it.")
    return VisitsFile(StrictJSONParser().parse(BytesIO(text.encode(errors="replace")))), text


def _option(request: HttpRequest, name: str) -> str:
    return parameters.text(request.POST, name, 64)


def _submit(request: HttpRequest, way: str, visits: list[dict[str, str]], data: Any, text: str) -> HttpResponse:
    """Once for each key, so that pressing twice submits once."""
    try:
        payload = parse_submission(data)
        canonical = json.dumps(data, sort_keys=True)
        submitted = submit(
            payload.visits,
            owner=_owner(request),
            on_error=payload.on_error,
            details=payload.details,
            idempotency=IdempotencyToken(_key(request), sha256(canonical.encode()).hexdigest()),
        )
    except (InvalidPayload, TooManyPending, KeyReused, ReferenceTaken):
        # The dry run says why; every page has a new key.
        return _show(request, way, visits, text=text, result=dry_run(data, _owner(request)))
    messages.success(request, f"Job {submitted.job_id} is submitted; nothing of it can be lost from now on.")
    return redirect("dashboard:job", submitted.job_id)


def _show(request: HttpRequest, way: str, visits: list[dict[str, str]], **more: Any) -> HttpResponse:
    context = {
        "way": way,
        "ways": WAYS,
        "visits": visits,
        "may_add": len(visits) < MOST_VISITS,
        "on_error": request.POST.get("on_error", OnError.CONTINUE),
        "policies": OnError.choices,
        "encoding": _option(request, "encoding"),
        "sheet": _option(request, "sheet"),
        "key": f"page-{secrets.token_hex(16)}",
        **more,
    }
    return render(request, "dashboard/submit/page.html", context)


def _blank() -> dict[str, str]:
    return {"store_id": "", "visit_time": "", "image_urls": ""}


def _visits_of(request: HttpRequest) -> list[dict[str, str]]:
    """The form's visits as filled in, without empty ones; at least one."""
    # PostgreSQL refuses NUL in text; in JSON, the parser refuses it.
    columns = [
        [text.replace("\0", "") for text in request.POST.getlist(name)[:MOST_VISITS]]
        for name in ("store_id", "visit_time", "image_urls")
    ]
    visits = [dict(zip(_blank(), row, strict=True)) for row in zip(*columns, strict=False)]
    return [visit for visit in visits if any(text.strip() for text in visit.values())] or [_blank()]


def _body_of(visits: list[dict[str, str]], request: HttpRequest) -> dict[str, Any]:
    return {
        "count": len(visits),
        "on_error": request.POST.get("on_error", OnError.CONTINUE.value),
        "visits": [
            {
                "store_id": visit["store_id"].strip(),
                "visit_time": visit["visit_time"].strip(),
                "image_url": _lines_of(visit["image_urls"], number),
            }
            for number, visit in enumerate(visits, 1)
        ],
    }


def _lines_of(text: str, visit: int) -> list[str]:
    """The URLs of a visit, one a line. Raises ParseError where a line holds two."""
    urls = []
    for number, line in enumerate(re.split("\r\n|\r|\n", text), 1):
        if not (url := line.strip()):
            continue
        if holds_several_urls(url):
            raise ParseError(f"Visit {visit}, line {number} of the image URLs holds several; write one URL a line.")
        urls.append(url)
    return urls


def _key(request: HttpRequest) -> str:
    key = request.POST.get("key", "")
    return key if key.startswith("page-") and key.isascii() and len(key) <= 64 else f"page-{secrets.token_hex(16)}"


def _owner(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
