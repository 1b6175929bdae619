"""Stores that may be one: the same words in one area, set by set."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.parameters import verbatim
from dashboard.store_filters import MOST_CHOICES
from stores.duplicates import DuplicateKey, find_duplicates
from stores.models import MAX_LENGTHS, Store

ROWS = 50
# Characters of the words that a page begins after.
MOST_WORDS = 1_000


@require_safe
@login_required
def duplicates_page(request: HttpRequest) -> HttpResponse:
    """By area and words, by key."""
    area = verbatim(request.GET, "area", MAX_LENGTHS["area_code"])
    words = verbatim(request.GET, "after_words", MOST_WORDS).split()
    after = DuplicateKey(verbatim(request.GET, "after_area", MAX_LENGTHS["area_code"]), words) if words else None
    stores = Store.objects.in_area(area) if area else None
    page = find_duplicates(stores, after, ROWS)
    following: dict[str, Any] = {}
    if page.following is not None:
        following = {"after_area": page.following.area, "after_words": " ".join(page.following.words)}
    context = {
        "area": area,
        "areas": Store.objects.first_areas(MOST_CHOICES),
        "after": after,
        "sets": page.sets,
        "next": {**({"area": area} if area else {}), **following} if following else None,
    }
    return render(request, "dashboard/stores/duplicates.html", context)
