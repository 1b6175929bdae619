"""The editor of categories: what they cover, their keywords, and what a change would move before it is stored."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from access import rights
from stores import categorising, rule_changes
from stores.categorising import RulesBusy
from stores.coverage import MOST_COUNTED, coverage, suggestions
from stores.models import Category, Keyword, Kind, Store
from stores.models.category import MAX_CATEGORY
from stores.models.keyword import MAX_KEYWORD, TELLING
from stores.rule_changes import MOST_PREVIEWED, RuleRefused

# Keywords on one page.
KEYWORDS = 300
_LABELS = {Kind(value): label.partition(":") for value, label in Kind.choices}


@require_safe
@login_required
def category_list(request: HttpRequest) -> HttpResponse:
    covered, state = coverage(), categorising.state()
    categories = list(Category.objects.all())
    context = {
        "coverage": covered,
        "state": state,
        "categories": [(each, covered.by_category.get(each.pk, 0)) for each in categories],
        "suggestions": suggestions() if state.is_finished else [],
        "is_sample": covered.uncategorised > MOST_COUNTED,
        "most_counted": MOST_COUNTED,
        "may_edit": rights.may_edit_categories(request.user),
        "most_name": MAX_CATEGORY,
    }
    return render(request, "dashboard/categories/list.html", context)


@require_safe
@login_required
def category_page(request: HttpRequest, pk: int) -> HttpResponse:
    category = Category.objects.filter(pk=pk).first()
    if category is None:
        raise Http404("There is no such category.")
    return _keywords_page(request, category)


@require_safe
@login_required
def other_words(request: HttpRequest) -> HttpResponse:
    """The words that tell no category: of places, and of people."""
    return _keywords_page(request, None)


@require_safe
@login_required
def preview(request: HttpRequest) -> HttpResponse:
    """What adding a keyword would change, or removing the one that `remove` names; nothing is stored."""
    _require_editor(request)
    try:
        if removed := request.GET.get("remove"):
            keyword = _find_keyword(removed)
            found = rule_changes.preview_removing(keyword)
        else:
            text, kind = _text(request.GET.get("text", "")), request.GET.get("kind", "")
            keyword = rule_changes.made_keyword(text, kind, _category_of(request.GET.get("category", "")))
            found = rule_changes.preview_adding(keyword)
    except RuleRefused as refusal:
        messages.error(request, refusal.sentence)
        return _back(request.GET.get("category", ""))
    context = {
        "keyword": keyword,
        "kind": _LABELS[Kind(keyword.kind)][0],
        "preview": found,
        "most": MOST_PREVIEWED,
    }
    return render(request, "dashboard/categories/preview.html", context)


@require_POST
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """One change of the rules, which `act` names; then back to where it was made."""
    _require_editor(request)
    act = _ACTS.get(request.POST.get("act", ""))
    if act is None:
        raise Http404("There is no such change.")
    back = request.POST.get("category", "")
    try:
        messages.success(request, act(request))
    except (RuleRefused, RulesBusy) as refusal:
        messages.error(request, str(refusal))
    except Category.DoesNotExist:
        messages.error(request, "There is no such category any more.")
    return _back("" if request.POST.get("from") == "list" else back)


@require_POST
@login_required
def choose(request: HttpRequest, pk: int) -> HttpResponse:
    """A store's category by hand, or `rules`."""
    _require_editor(request)
    store = Store.objects.filter(pk=pk).first()
    if store is None:
        raise Http404("There is no such store in the store master.")
    chosen = request.POST.get("category", "")
    if chosen == "rules":
        categorising.leave_to_rules(store)
        messages.success(request, "The rules decide on this store again.")
    else:
        category = None if chosen == "none" else _category_of(chosen)
        if chosen != "none" and category is None:
            raise Http404("There is no such category.")
        categorising.choose(store, category, request.user.get_username())
        messages.success(request, f"{category or 'No category'} was chosen, and no rule changes it.")
    return redirect("dashboard:store", pk)


def _add_category(request: HttpRequest) -> str:
    return f"{rule_changes.add_category(_text(request.POST.get('name', '')))} was added; it needs keywords now."


def _rename(request: HttpRequest) -> str:
    category = _existing(request)
    rule_changes.rename_category(category, _text(request.POST.get("name", "")))
    return f"It is called {category} now."


def _delete(request: HttpRequest) -> str:
    category = _existing(request)
    rule_changes.delete_category(category)
    return f"{category} was deleted.{_progress()}"


def _add_keyword(request: HttpRequest) -> str:
    text, kind, of = (_text(request.POST.get(name, "")) for name in ("text", "kind", "of"))
    if request.POST.get("new"):
        keyword = rule_changes.add_keyword_of_its_own(text)
    else:
        keyword = rule_changes.add_keyword(text, kind, _category_of(of))
    return f"{keyword} is a keyword now.{_progress()}"


def _remove_keyword(request: HttpRequest) -> str:
    keyword = _find_keyword(request.POST.get("keyword", ""))
    rule_changes.remove_keyword(keyword)
    return f"{keyword} is no keyword any more.{_progress()}"


_ACTS: dict[str, Callable[[HttpRequest], str]] = {
    "add_category": _add_category,
    "rename": _rename,
    "delete": _delete,
    "add_keyword": _add_keyword,
    "remove_keyword": _remove_keyword,
}


def _progress() -> str:
    if categorising.state().is_finished:
        return f" {coverage().sentence}."
    return " The stores are being looked at again."


def _keywords_page(request: HttpRequest, category: Category | None) -> HttpResponse:
    after = _text(request.GET.get("after", ""))
    found = list(Keyword.objects.filter(category=category, text__gt=after).order_by("text")[: KEYWORDS + 1])
    kinds = [kind for kind in Kind if (kind in TELLING) == (category is not None)]
    covered = coverage() if category is not None else None
    context = {
        "category": category,
        "stores": covered.by_category.get(category.pk, 0) if covered and category else 0,
        "keywords": [(each, _LABELS[Kind(each.kind)][0]) for each in found[:KEYWORDS]],
        "next": found[KEYWORDS - 1].text if len(found) > KEYWORDS else None,
        "after": after,
        "kinds": [(kind.value, kind.label) for kind in kinds],
        "state": categorising.state(),
        "may_edit": rights.may_edit_categories(request.user),
        "most_name": MAX_CATEGORY,
        "most_keyword": MAX_KEYWORD,
    }
    return render(request, "dashboard/categories/page.html", context)


def _require_editor(request: HttpRequest) -> None:
    if not rights.may_edit_categories(request.user):
        raise PermissionDenied("Your account may not edit categories.")


def _text(value: str) -> str:
    return value.replace("\0", "").strip()[:255]


def _category_of(pk: str) -> Category | None:
    return Category.objects.filter(pk=pk).first() if _is_key(pk) else None


def _existing(request: HttpRequest) -> Category:
    category = _category_of(request.POST.get("category", ""))
    if category is None:
        raise RuleRefused("There is no such category any more.")
    return category


def _find_keyword(pk: str) -> Keyword:
    found = Keyword.objects.select_related("category").filter(pk=pk).first() if _is_key(pk) else None
    if found is None:
        raise RuleRefused("There is no such keyword any more.")
    return found


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _back(category: str) -> HttpResponse:
    """To the category's page, to that of the other words, or to the list."""
    if category == "other":
        return redirect("dashboard:other_words")
    found = _category_of(category)
    return redirect("dashboard:category", found.pk) if found else redirect("dashboard:categories")
