"""Groups of stores: their list, one group with its rule and its stores, and changes of both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods

from access import rights
from dashboard.store_filters import MOST_CHOICES
from insights.routes import ids_of
from stores import groups
from stores.models import Category, Store, StoreGroup
from tables.cells import visible

ROWS = 50
MOST_CATEGORIES = 500
# Stores shown of what a rule finds.
SHOWN = 10
_FIELDS = ("name", "area", "name_part")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group_list(request: HttpRequest) -> HttpResponse:
    """In the order of their names; who may change stores makes new ones, and sees at first what a rule finds."""
    group, found = StoreGroup(), None
    errors: dict[str, str] = {}
    if request.method == "POST":
        _require_right(request)
        group, errors, found = _read(request, group)
        if not errors and found is None:
            messages.success(request, f"Made the group {group.name}.")
            return redirect("dashboard:group", group.pk)
    after = request.GET.get("after", "").replace("\0", "")[:64]
    rows = list(StoreGroup.objects.select_related("category").filter(name__gt=after)[: ROWS + 1])
    context = {
        "groups": rows[:ROWS],
        "after": after,
        "next": rows[ROWS - 1].name if len(rows) > ROWS else None,
        **_form(request, group, errors, found),
    }
    return render(request, "dashboard/groups/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The rule with how many stores it finds, and the stores that were put in by hand, page by page."""
    group = _find(pk)
    errors: dict[str, str] = {}
    found = None
    if request.method == "POST":
        _require_right(request)
        with _unless_deleted():
            if "add" in request.POST:
                _put(request, group)
                return redirect("dashboard:group", pk)
            if "remove" in request.POST:
                groups.take(group, request.POST.getlist("store")[: groups.MOST_AT_ONCE])
                return redirect("dashboard:group", pk)
            with groups.changing(pk) as group:
                group, errors, found = _read(request, group)
        if not errors and found is None:
            messages.success(request, "Changed the group.")
            return redirect("dashboard:group", pk)
    saved = _find(pk)
    after = request.GET.get("after", "").replace("\0", "")[:64]
    by_hand = list(saved.by_hand.filter(store_id__gt=after).order_by("store_id")[: ROWS + 1])
    context = {
        "group": saved,
        "stores": groups.counted(saved.stores()),
        "by_rule": groups.counted(saved.matching()),
        "most": groups.MOST_COUNTED,
        "by_hand": by_hand[:ROWS],
        "number_by_hand": saved.by_hand.count(),
        "after": after,
        "next": by_hand[ROWS - 1].store_id if len(by_hand) > ROWS else None,
        **_form(request, group, errors, found),
    }
    return render(request, "dashboard/groups/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete_group(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first."""
    group = _find(pk)
    _require_right(request)
    if request.method == "POST":
        with _unless_deleted():
            groups.delete(pk)
        messages.success(request, f"Deleted the group {group.name}. Its stores stay.")
        return redirect("dashboard:groups")
    return render(request, "dashboard/groups/confirm_delete.html", {"group": group})


@contextmanager
def _unless_deleted() -> Iterator[None]:
    """Not found, where somebody else deletes the group between its look-up and what is done to it within."""
    try:
        yield
    except StoreGroup.DoesNotExist:
        raise Http404("The group was deleted in the meantime.") from None


def _find(pk: int) -> StoreGroup:
    group = StoreGroup.objects.select_related("category").filter(pk=pk).first()
    if group is None:
        raise Http404("There is no such group of stores.")
    return group


def _require_right(request: HttpRequest) -> None:
    if not rights.may_change_groups(request.user):
        raise PermissionDenied("It takes the permission to change stores to change groups of them.")


def _read(request: HttpRequest, group: StoreGroup) -> tuple[StoreGroup, dict[str, str], dict[str, Any] | None]:
    """The group as the form has it, saved unless there are errors, by field, or what its rule finds was asked for."""
    for field in _FIELDS:
        setattr(group, field, request.POST.get(field, "").replace("\0", "").strip()[:255])
    name = request.POST.get("category", "").replace("\0", "")
    group.category = Category.objects.filter(name=name).first() if name else None
    try:
        if "look" in request.POST:
            group.clean_fields(exclude={"name"} if not group.name else None)
            stores = group.matching()
            return group, {}, {"number": groups.counted(stores), "first": list(stores.order_by("store_id")[:SHOWN])}
        groups.save(group)
    except ValidationError as error:
        return group, groups.sentences(error), None
    return group, {}, None


def _form(
    request: HttpRequest, group: StoreGroup, errors: dict[str, str], found: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "form": group,
        "errors": errors,
        "found": found,
        "most": groups.MOST_COUNTED,
        "may_change": rights.may_change_groups(request.user),
        "areas": Store.objects.first_areas(MOST_CHOICES),
        "categories": Category.objects.all()[:MOST_CATEGORIES],
    }


def _put(request: HttpRequest, group: StoreGroup) -> None:
    store_ids = ids_of(request.POST.get("stores", "").replace("\0", ""))
    if len(store_ids) > groups.MOST_AT_ONCE:
        sentence = f"These are {len(store_ids):,} ids; at most {groups.MOST_AT_ONCE:,} are put in at once."
        messages.error(request, sentence)
        return
    try:
        unknown = groups.put(group, store_ids)
    except groups.TooManyByHand as refused:
        messages.error(request, str(refused))
        return
    known = len(store_ids) - len(unknown)
    if known:
        messages.success(request, f"Put {known:,} store{pluralize(known)} into the group.")
    if unknown:
        named = ", ".join(visible(each[:64]) for each in unknown[:SHOWN])
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        messages.error(request, f"Not in the store master: {named}{more}.")
