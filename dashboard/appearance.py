"""Light, dark, or as the system is set: kept in a cookie, so that the page is right from its first byte."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

COOKIE = "theme"
COOKIE_SECONDS = 365 * 86_400
APPEARANCES = {"system": "As the system", "light": "Light", "dark": "Dark"}


def appearance_of(request: HttpRequest | None) -> str:
    """One of APPEARANCES; any other value of the cookie is `system`."""
    chosen = request.COOKIES.get(COOKIE, "") if request else ""
    return chosen if chosen in APPEARANCES else "system"


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep `theme`, and go back to `next` where that is a path of this service."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("theme", "")
    if chosen in ("light", "dark"):
        response.set_cookie(COOKIE, chosen, COOKIE_SECONDS, secure=request.is_secure(), httponly=True, samesite="Lax")
    else:
        response.delete_cookie(COOKIE, samesite="Lax")
    return response
