"""The rules of categories: what is asked of images of each category's stores."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from access import rights
from access.limits import HIGHEST_PRIORITY, LOWEST_PRIORITY
from stores.models import Category, CategoryRule
from stores.models.category_rule import (
    MOST_HOSTS,
    MOST_IMAGES,
    MOST_PIXELS,
    read_host,
)
from stores.rule_changes import changing_rule_of

# Categories that are listed.
MOST_CATEGORIES = 500
_NUMBERS = {"most_images": MOST_IMAGES, "min_width": MOST_PIXELS, "min_height": MOST_PIXELS}
_LABELS = {
    "priority": "Priority",
    "most_images": "Most images of a visit",
    "allowed_hosts": "Hosts",
    "min_width": "Smallest width",
    "min_height": "Smallest height",
}


@require_safe
@login_required
def rules_page(request: HttpRequest) -> HttpResponse:
    """Every category with its rule."""
    categories = Category.objects.select_related("rule")
    context = {
        "categories": [(each, getattr(each, "rule", None)) for each in categories[:MOST_CATEGORIES]],
        "may_edit": rights.may_edit_rules(request.user),
    }
    return render(request, "dashboard/category_rules/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def rule_page(request: HttpRequest, category_id: int) -> HttpResponse:
    """One category's rule, to be changed or removed."""
    if not rights.may_edit_rules(request.user):
        raise PermissionDenied("Your account may not change stores, and so no rules of their categories.")
    category = Category.objects.filter(pk=category_id).first()
    if category is None:
        raise Http404("There is no such category.")
    rule = CategoryRule.objects.filter(category=category).first()
    shown = rule or CategoryRule(category=category)
    context: dict[str, Any] = {"category": category, "rule": shown, "is_new": rule is None, "errors": []}
    if request.method == "POST":
        if request.POST.get("act") == "remove":
            CategoryRule.objects.filter(category=category).delete()
            messages.success(request, f"{category.name} has no rule any more.")
            return redirect("dashboard:category_rules")
        context["errors"] = _read(shown, request)
        if not context["errors"]:
            try:
                with changing_rule_of(category.pk) as present:
                    _read(present, request)
                    present.save()
            except Category.DoesNotExist:
                raise Http404("The category was deleted in the meantime.") from None
            messages.success(request, f"The rule of {category.name} holds for what is submitted from now on.")
            return redirect("dashboard:category_rules")
    context |= {
        "priorities": range(HIGHEST_PRIORITY, LOWEST_PRIORITY - 1, -1),
        "hosts": request.POST.get("allowed_hosts", "\n".join(shown.allowed_hosts)),
        "numbers": {name: request.POST.get(name, getattr(shown, name) or "") for name in _NUMBERS},
        "most_hosts": MOST_HOSTS,
        "most_images": MOST_IMAGES,
        "most_pixels": MOST_PIXELS,
    }
    return render(request, "dashboard/category_rules/rule.html", context, status=400 if context["errors"] else 200)


def _read(rule: CategoryRule, request: HttpRequest) -> list[str]:
    """Puts what was entered into the rule; returns what is wrong with it, in sentences."""
    errors = []
    priority = request.POST.get("priority", "0")
    if priority in map(str, range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)):
        rule.priority = int(priority)
    else:
        errors.append(f"Priority must be a whole number from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}.")
    for name, highest in _NUMBERS.items():
        text = request.POST.get(name, "").strip()
        if not text:
            setattr(rule, name, None)
        elif text.isascii() and text.isdecimal() and len(text) < 9 and 1 <= int(text) <= highest:
            setattr(rule, name, int(text))
        else:
            errors.append(f"{_LABELS[name]} must be empty or a whole number from 1 to {highest:,}.")
    try:
        hosts = dict.fromkeys(map(read_host, request.POST.get("allowed_hosts", "").split()))
    except ValidationError as error:
        errors += error.messages
    else:
        rule.allowed_hosts = list(hosts)
        if len(hosts) > MOST_HOSTS:
            errors.append(f"At most {MOST_HOSTS} hosts can be named.")
    return errors
