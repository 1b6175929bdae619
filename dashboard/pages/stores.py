"""The store master: its list, one store with its latest visits, and imports, each a dry run at first."""

import re
from io import BytesIO

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import rights
from dashboard import parameters
from dashboard.pages import problems
from dashboard.store_filters import MOST_CHOICES, MOST_SEARCHED, StoreFilter
from dashboard.store_rhythm import rhythm_of
from jobs.models import Visit
from jobs.reporting.visits import MOST_SHOWN, first_images
from stores import imports
from stores.charsets import agreed_encoding, charset_of
from stores.duplicates import duplicates_of
from stores.imports import ImportRefused
from stores.models import MAX_LENGTHS, Category, Store, StoreImport
from stores.models.store_import import MAX_SHEET
from stores.similar import similar_stores
from tables.errors import Entry, UnreadableFileError

ROWS = 50
VISITS = 20
SIMILAR = 10
DUPLICATES = 10
# Rows of each kind listed on an import's page.
MOST_ROWS = 100
# Ignored columns named there.
MOST_COLUMNS = 20


@require_safe
@login_required
def store_list(request: HttpRequest) -> HttpResponse:
    """In the order of their ids, by key; a search finds parts of ids and names."""
    stores = Store.objects.select_related("category").order_by("store_id")
    asked, q = StoreFilter.read(request.GET), parameters.text(request.GET, "q", MOST_SEARCHED)
    after = parameters.verbatim(request.GET, "after", MAX_LENGTHS["store_id"])
    stores = stores.narrowed(**asked.narrowing).containing(q)
    found = list(stores.filter(store_id__gt=after)[: ROWS + 1])
    context = {
        "q": q,
        "asked": asked,
        "after": after,
        "parts": {**({"q": q} if q else {}), **asked.parts},
        "stores": found[:ROWS],
        "next": found[ROWS - 1].store_id if len(found) > ROWS else None,
        "areas": Store.objects.first_areas(MOST_CHOICES),
        **asked.choices(),
        "may_import": rights.may_import_stores(request.user),
    }
    return render(request, "dashboard/stores/list.html", context)


@require_safe
@login_required
def store_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The store, and the latest visits to it among the jobs that the person may see."""
    store = Store.objects.select_related("category").filter(pk=pk).first()
    if store is None:
        raise Http404("There is no such store in the store master.")
    latest = Visit.objects.latest_of(store.store_id).readable_by(request.user)[:VISITS]
    visits = sorted(latest, key=lambda visit: visit.pk, reverse=True)
    images = first_images(visit.pk for visit in visits)
    context = {
        "store": store,
        "visits": [(visit, images[visit.pk][:MOST_SHOWN], len(images[visit.pk]) > MOST_SHOWN) for visit in visits],
        "most": VISITS,
        "may_choose": rights.may_edit_categories(request.user),
        "categories": Category.objects.values_list("pk", "name"),
        **problems.of_store(request, store),
        "rhythm": rhythm_of(request.user, store),
        "similar": similar_stores(store, SIMILAR),
        "duplicates": duplicates_of(store)[: DUPLICATES + 1],
    }
    return render(request, "dashboard/stores/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def import_stores(request: HttpRequest) -> HttpResponse:
    """The upload, which is a dry run at first, and the recent imports."""
    may = rights.may_import_stores(request.user)
    if not (may if request.method == "POST" else rights.may_see_imports(request.user)):
        raise PermissionDenied("Your account may not import stores.")
    if request.method == "POST":
        uploaded = request.FILES.get("file")
        if uploaded is None:
            messages.error(request, "Choose a file to upload.")
            return redirect("dashboard:import_stores")
        return _dry_run(request, uploaded.read(), uploaded.name or "unnamed", charset=charset_of(uploaded))
    context = {
        "imports": StoreImport.objects.with_summary().order_by("-pk")[:ROWS],
        "may_import": may,
        "may_prune": rights.may_import_stores(request.user, prune=True),
    }
    return render(request, "dashboard/stores/import.html", context)


@require_safe
@login_required
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    store_import = _find(request, pk)
    context = {
        "import": store_import,
        "report": store_import.report,
        "most": MOST_ROWS,
        "most_slice": f":{MOST_ROWS}",
        "most_columns": MOST_COLUMNS,
        "columns_slice": f":{MOST_COLUMNS}",
        "why_not": imports.why_not(store_import) if store_import.stored_at is None else None,
        "is_open": store_import.stored_at is None and bool(store_import.kept_bytes),
        "may_import": rights.may_import_stores(request.user),
        "may_apply": rights.may_import_stores(request.user, prune=store_import.prune),
        "may_prune": rights.may_import_stores(request.user, prune=True),
    }
    return render(request, "dashboard/stores/import_page.html", context)


@require_POST
@login_required
def dry_run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """The same file with other options, as a new import."""
    store_import = _find_to_import(request, pk)
    try:
        content = imports.kept_file(store_import).read()
    except ImportRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("dashboard:import_page", pk)
    return _dry_run(request, content, store_import.name, back=pk)


@require_POST
@login_required
def apply_import(request: HttpRequest, pk: int) -> HttpResponse:
    store_import = _find_to_import(request, pk)
    if not rights.may_import_stores(request.user, prune=store_import.prune):
        raise PermissionDenied("Your account may not delete stores.")
    try:
        stored = imports.apply(store_import, request.user)
    except ImportRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Stored {stored.name}: {stored.report['summary']}.")
    return redirect("dashboard:import_page", pk)


@require_safe
@login_required
def rejects(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """The rejected rows, as a CSV file that can be corrected and uploaded again."""
    store_import = _find(request, pk)
    try:
        blocks = imports.rejects(store_import)
    except ImportRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("dashboard:import_page", pk)
    name = f"{re.sub(r'[.](?:csv|xlsx|xlsm)$', '', store_import.name, flags=re.IGNORECASE)}-rejects.csv"
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(
        blocks, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition}
    )


def _dry_run(
    request: HttpRequest, content: bytes, name: str, *, charset: str = "", back: int | None = None
) -> HttpResponse:
    rest = request.POST.get("rest", "")
    encoding = request.POST.get("encoding", "").replace("\0", "").strip()[:40]
    prune = rest == "prune"
    if prune and not rights.may_import_stores(request.user, prune=True):
        raise PermissionDenied("Your account may not delete stores.")
    try:
        made = imports.dry_run(
            BytesIO(content),
            name,
            request.user,
            encoding=agreed_encoding(charset, encoding, content),
            sheet=request.POST.get("sheet", "").replace("\0", "").strip()[:MAX_SHEET],
            skip_rejected=rest == "skip_rejected",
            prune=prune,
        )
    except UnreadableFileError as error:
        messages.error(request, f"{name}: {error.sentence(Entry.PAGE)}")
    except ImportRefused as refusal:
        messages.error(request, str(refusal))
    else:
        return redirect("dashboard:import_page", made.pk)
    return redirect("dashboard:import_page", back) if back else redirect("dashboard:import_stores")


def _find_to_import(request: HttpRequest, pk: int) -> StoreImport:
    if not rights.may_import_stores(request.user):
        raise PermissionDenied("Your account may not import stores.")
    return _find(request, pk)


def _find(request: HttpRequest, pk: int) -> StoreImport:
    if not rights.may_see_imports(request.user):
        raise PermissionDenied("Your account may not see imports of stores.")
    store_import = StoreImport.objects.filter(pk=pk).first()
    if store_import is None:
        raise Http404("There is no such import; a dry run that nobody applies is deleted after a day.")
    return store_import
