"""Signing in, by name and password."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from access import mail
from access.throttles import TooOften


class SignIn(LoginView):
    """Django's own, which follows `next` only to this host; after too many failures the form says so."""

    template_name = "dashboard/sign_in.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, has_mail=mail.is_configured())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except TooOften as refusal:
            # Not the form as sent: to show its errors would be to try the password again.
            form = AuthenticationForm(request, initial={"username": request.POST.get("username", "")})
            context = self.get_context_data(form=form, refusal=str(refusal))
            return self.render_to_response(context, status=429, headers={"Retry-After": str(refusal.wait)})
