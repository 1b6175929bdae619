"""The signed-in user's own account: who they are here, and their API keys."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access import links, own_keys, people, roles
from access.limits import limits_of
from access.models import LONGEST_DAYS, LONGEST_NAME, ApiKey, Scope

ROWS = 50
# Of the keys that open nothing any more.
ENDED = 20
DEFAULT_DAYS = 365
_MEANINGS = {
    Scope.SUBMIT: "submit jobs, and dry runs",
    Scope.READ: "everything that only reads",
    Scope.MANAGE: "actions on jobs, alerts and hosts; verdicts; reports; webhooks",
    Scope.STORES: "import stores, change categories, rules and groups",
}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def account_page(request: HttpRequest) -> HttpResponse:
    """One's own keys, and a form for a new one, whose text is in this one answer and nowhere else."""
    user = _user(request)
    context: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        context, status = _make(request, user)
    return render(request, "dashboard/account/page.html", _context(request, user) | context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def revoke_key(request: HttpRequest, prefix: str) -> HttpResponse:
    """Asks first."""
    user = _user(request)
    key = own_keys.find(user, prefix)
    if key is None:
        raise Http404("You have no such API key.")
    if request.method == "POST":
        own_keys.revoke(user, prefix)
        messages.success(request, f"The API key {key} is revoked.")
        return redirect("dashboard:account")
    return render(request, "dashboard/account/confirm_revoke.html", {"key": key})


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required
    return request.user


def _make(request: HttpRequest, user: User) -> tuple[dict[str, Any], int]:
    """The new key and its text, or the form as it was sent with what is wrong; and the answer's status."""
    sent = request.POST
    name, scopes, written = sent.get("name", "").strip(), sent.getlist("scopes"), sent.get("days", "").strip()
    form = {"name": name[:LONGEST_NAME], "scopes": scopes, "days": written[:10]}
    try:
        key, text = own_keys.make(user, name, scopes, _days(written))
    except own_keys.KeyRefused as refusal:
        return {"form": form, "refusal": refusal}, 400
    return {"made": key, "text": text, "base_url": links.base_url(request), "keys": _live(user)[:ROWS]}, 200


def _days(written: str) -> int | None:
    """Raises KeyRefused."""
    if not written:
        return None
    # Digits of ASCII, and so few that they are below every limit of a number.
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0


def _context(request: HttpRequest, user: User) -> dict[str, Any]:
    keys = own_keys.keys_of(user)
    before = request.GET.get("before", "")
    shown = list(_live(user, int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None))
    return {
        "keys": shown[:ROWS],
        "next": shown[ROWS - 1].pk if len(shown) > ROWS else None,
        "is_later": bool(before),
        "ended": keys.exclude(pk__in=keys.live().values("pk")).order_by("-pk")[:ENDED],
        "most": own_keys.MOST_LIVE,
        "scopes": [(scope.value, _MEANINGS.get(scope, "")) for scope in own_keys.scopes_for(user)],
        "longest_days": LONGEST_DAYS,
        "longest_name": LONGEST_NAME,
        "form": {"name": "", "scopes": [Scope.READ.value], "days": DEFAULT_DAYS},
        "standing": people.standing(user, roles.role_of(user)),
        "teams": user.teams.order_by("name"),
        "limits": limits_of(user),
    }


def _live(user: User, before: int | None = None) -> list[ApiKey]:
    keys = own_keys.keys_of(user).live().order_by("-pk")
    return list((keys if before is None else keys.filter(pk__lt=before))[: ROWS + 1])
