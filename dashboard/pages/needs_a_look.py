"""Visits whose photos need a look, what people decide about them, and from when on something is found."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import rights
from dashboard.pages.photos import find_visit
from dashboard.parameters import row_id, text
from dashboard.photo_rows import photo_rows
from insights.figures import FEWEST
from insights.statistics import share
from jobs.models import ImageResult
from jobs.submission.payload import MAX_STORE_ID
from photos.kinds import KINDS, REASONS
from photos.looking import judge, judged, needs_a_look, withdraw
from photos.models import LIMITS, PhotoThresholds, VisitLook, VisitVerdict
from photos.preview import preview, thresholds_of
from stores.models import Category
from stores.models.store import MAX_LENGTHS

ROWS = 30
MOST_CATEGORIES = 500
LABELS = {
    "blurred_below": "Blurred below this sharpness, in percent of contrast squared; 0 finds none",
    "dark_below": "Dark below this mean gray of 255; 0 finds none",
    "hours_apart": "Taken at another time: more hours before or after the visit than this",
    "metres_apart": "Taken elsewhere: more metres from the store than this",
}


@require_safe
@login_required
def look_list(request: HttpRequest) -> HttpResponse:
    """The latest submitted first, paged by key."""
    reason = request.GET.get("reason", "")
    store = text(request.GET, "store", MAX_STORE_ID)
    area = text(request.GET, "area", MAX_LENGTHS["area_code"])
    is_judged = request.GET.get("judged") == "true"
    before = row_id(request.GET, "before")
    looks = needs_a_look(
        request.user,
        reason=reason if reason in REASONS else None,
        store=store or None,
        area=area or None,
        judged=is_judged,
        before=before or 0,
        limit=ROWS + 1,
    )
    found = list(looks)
    shown = found[:ROWS]
    images = ImageResult.objects.filter(pk__in=[look.image_id for look in shown]).select_related("visit")
    rows = {row.image.pk: row for row in photo_rows(images.defer("gpu_result"))}
    verdicts = VisitVerdict.objects.in_bulk([look.pk for look in shown]) if is_judged else {}
    named = (("reason", reason if reason in REASONS else ""), ("store", store), ("area", area))
    parts = {name: value for name, value in named if value} | ({"judged": "true"} if is_judged else {})
    context = {
        "looks": [(look, rows.get(look.image_id), _reasons(look), verdicts.get(look.pk)) for look in shown],
        "reasons": REASONS.items(),
        "reason": reason,
        "store_id": store,
        "area": area,
        "judged": is_judged,
        "next": shown[-1].pk if len(found) > ROWS else None,
        "before": before,
        "parts": parts,
        "counts": _counts(request),
        "fewest": FEWEST,
        "of_all": rights.may_read_all_jobs(request.user),
    }
    return render(request, "dashboard/photos/needs_a_look.html", context)


def _reasons(look: VisitLook) -> list[str]:
    return [REASONS[each] for each in look.reasons if each in REASONS]


def _counts(request: HttpRequest) -> list[tuple[Any, Any, Any]]:
    """Each kind of finding with how many visits were judged, and the share of them that was not fine."""
    of_kinds = judged(request.user)
    counted = [(kind, of_kinds[code]) for code, kind in KINDS.items()]
    return [(kind, found, share(found.not_fine, found.visits, found.visits)) for kind, found in counted]


@require_POST
@login_required
def decide(request: HttpRequest, visit_id: int) -> HttpResponse:
    """`fine`, `not_fine`, or `withdraw`; then back to the visit, or to the list that it was decided on."""
    visit = find_visit(request, visit_id)
    if not rights.may_change_job(request.user, visit.job):
        raise PermissionDenied(f"You may read visit {visit_id}, but it takes the permission to change jobs to do this.")
    act = request.POST.get("act", "")
    if act in ("fine", "not_fine"):
        judge(visit, request.user, timezone.now(), is_fine=act == "fine")
        messages.success(request, f"Visit {visit_id} is {'fine' if act == 'fine' else 'not fine'}.")
    elif act == "withdraw":
        withdraw(visit)
        messages.success(request, f"Nobody has decided about visit {visit_id} any more.")
    else:
        messages.warning(request, "Say whether the photos are fine or not.")
    if request.POST.get("from") == "list":
        return redirect("dashboard:needs_a_look")
    return redirect("dashboard:visit_photos", visit_id)


@require_safe
@login_required
def threshold_list(request: HttpRequest) -> HttpResponse:
    """Every category with the thresholds that hold for it."""
    categories = list(Category.objects.all()[:MOST_CATEGORIES])
    own = {each.category_id: each for each in PhotoThresholds.objects.filter(category__in=categories)}
    context = {
        "categories": [
            (category, own.get(category.pk) or PhotoThresholds(category=category)) for category in categories
        ],
        "kinds": KINDS.values(),
        "may_edit": rights.may_edit_rules(request.user),
    }
    return render(request, "dashboard/photos/thresholds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def threshold_page(request: HttpRequest, category_id: int) -> HttpResponse:
    """One category's thresholds: what others would find, and to save or to remove them."""
    if not rights.may_edit_rules(request.user):
        raise PermissionDenied("Your account may not change stores, and so no thresholds of their categories.")
    category = Category.objects.filter(pk=category_id).first()
    if category is None:
        raise Http404("There is no such category.")
    thresholds = thresholds_of(category)
    values, errors = _read(request, thresholds)
    act = request.POST.get("act", "")
    if act == "remove":
        PhotoThresholds.objects.filter(category=category).delete()
        messages.success(request, f"The defaults hold for {category.name}. Findings are worked out anew.")
        return redirect("dashboard:photo_thresholds")
    if act == "save" and not errors:
        try:
            PhotoThresholds.objects.update_or_create(category=category, defaults=values)
        except IntegrityError:
            raise Http404("The category was deleted in the meantime.") from None
        messages.success(request, f"Saved. Findings about photos of {category.name} are worked out anew.")
        return redirect("dashboard:photo_thresholds")
    fields = [
        (name, LABELS[name], request.POST.get(name, f"{getattr(thresholds, name):g}"), *LIMITS[name][2:])
        for name in LIMITS
    ]
    context = {
        "category": category,
        "is_new": thresholds.pk is None,
        "fields": fields,
        "errors": errors,
        "preview": preview(request.user, category, values) if act == "preview" and not errors else None,
        "kinds": KINDS,
    }
    return render(request, "dashboard/photos/threshold.html", context, status=400 if errors else 200)


def _read(request: HttpRequest, now: PhotoThresholds) -> tuple[dict[str, float], list[str]]:
    """The values entered, and what is wrong with them, in sentences."""
    values, errors = {}, []
    for name, (_, _, lowest, highest) in LIMITS.items():
        written = request.POST.get(name, "").strip()[:20]
        try:
            value = float(written) if written else getattr(now, name)
        except ValueError:
            value = float("nan")
        if lowest <= value <= highest:
            values[name] = value
        else:
            errors.append(f"“{LABELS[name]}” must be a number from {lowest:g} to {highest:,g}.")
    return values, errors
