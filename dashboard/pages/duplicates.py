"""Stores that may be one: the same words in one area, set by set."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stores.duplicates import Place, find_duplicates
from stores.models import Store

ROWS = 50
MOST_AREAS = 200


@require_safe
@login_required
def duplicates_page(request: HttpRequest) -> HttpResponse:
    """By area and words, by key."""
    asked = {name: request.GET.get(name, "").replace("\0", "") for name in ("area", "after_area", "after_words")}
    area = asked["area"][:64]
    after = Place(asked["after_area"][:64], asked["after_words"][:1000].split()) if asked["after_words"] else None
    stores = Store.objects.in_area(area) if area else None
    page = find_duplicates(stores, after, ROWS)
    following: dict[str, Any] = {}
    if page.following is not None:
        following = {"after_area": page.following.area, "after_words": " ".join(page.following.words)}
    context = {
        "area": area,
        "areas": Store.objects.first_areas(MOST_AREAS),
        "after": after,
        "sets": page.sets,
        "next": {**({"area": area} if area else {}), **following} if following else None,
    }
    return render(request, "dashboard/stores/duplicates.html", context)
