"""One's own password: changed, kept while all other sessions end, set by a link, and a link asked for by mail."""

from itertools import islice
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, PasswordChangeView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access import links, mail, own_keys, passwords
from access.people import note
from access.throttles import LinkRequests, TooOften

# Users with one address who are sent a link each.
MOST_OF_ONE_ADDRESS = 5


class _Change(PasswordChangeForm):
    """Django's own, whose check of the old password is throttled as signing in is. `is_valid` raises TooOften."""

    def __init__(self, request: HttpRequest, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._request = request

    def clean_old_password(self) -> str:
        old = str(self.cleaned_data["old_password"])
        found = authenticate(self._request, username=self.user.get_username(), password=old)
        if not isinstance(found, User) or found.pk != self.user.pk:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        # As it is stored now: checking it may have stored it anew.
        self.user = found
        return old


class _Again(_Change):
    """The old password alone, which stays."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        del self.fields["new_password1"], self.fields["new_password2"]
        self.fields["old_password"].label = "Your password"

    def clean(self) -> dict[str, Any]:
        return self.cleaned_data


@method_decorator(never_cache, name="dispatch")
class ChangePassword(PasswordChangeView):
    """Ends every other session and every token; this session stays."""

    http_method_names = ["get", "head", "post"]
    form_class = _Change
    template_name = "dashboard/account/password.html"
    success_url = reverse_lazy("dashboard:account")
    new_password = "new_password1"  # noqa: S105 - the name of the form's field
    done = "Your password is changed, and every other session and token has ended."
    noted = "Changed their password."

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        assert isinstance(self.request.user, User)
        return super().get_context_data(**kwargs, number_of_keys=own_keys.keys_of(self.request.user).live().count())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except TooOften as refusal:
            # An empty form: to show the errors of the one that was sent would be to try the password again.
            options: Any = {"user": request.user, "request": request}
            empty = self.get_form_class()(**options)
            context = self.get_context_data(form=empty, refusal=str(refusal))
            return self.render_to_response(context, status=429, headers={"Retry-After": str(refusal.wait)})

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.user
        if not passwords.replace(user, form.cleaned_data[self.new_password]):
            # Another session was quicker, and has ended this one; or the user was deactivated.
            return redirect(settings.LOGIN_URL)
        update_session_auth_hash(self.request, user)
        note(user, user, self.noted)
        revoked = own_keys.keys_of(user).revoke() if "keys" in self.request.POST else 0
        also = f" {revoked} API key{'s' if revoked > 1 else ''} revoked." if revoked else ""
        messages.success(self.request, self.done + also)
        return redirect(self.get_success_url())


class SignOutEverywhere(ChangePassword):
    """Stores the same password anew, with another salt, which ends every other session and every token."""

    form_class = _Again
    template_name = "dashboard/account/sign_out_everywhere.html"
    new_password = "old_password"  # noqa: S105 - as above
    done = "Every other session and every token has ended; this session stays."
    noted = "Signed out everywhere."


class Welcome(PasswordResetConfirmView):
    """Django's own: the token leaves the address for the session before the form is shown.

    Answers 410 to a link that is used, too old, or none. Whoever has set a password is signed in with it.
    """

    http_method_names = ["get", "head", "post"]
    form_class = SetPasswordForm[User]
    template_name = "dashboard/account/welcome.html"

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(*args, **kwargs)
        if kwargs["token"] != self.reset_url_token and response.status_code == 302:
            # The session now holds the right to set a password: whoever knew its key before must not have it.
            self.request.session.cycle_key()
        return response

    def get_user(self, uidb64: str) -> Any:
        user = super().get_user(uidb64)
        return user if user is not None and user.is_active else None

    def form_valid(self, form: Any) -> HttpResponse:
        assert isinstance(self.user, User)
        if not passwords.replace(self.user, form.cleaned_data["new_password1"]):
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN, None)
        login(self.request, self.user)
        note(self.user, self.user, "Set their password by a link.")
        messages.success(self.request, "Your password is set, and you are signed in.")
        return redirect(settings.LOGIN_REDIRECT_URL)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, person=self.user, has_mail=mail.is_configured())

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponse:
        if not self.validlink:
            options["status"] = 410
        return super().render_to_response(context, **options)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def forgot_password(request: HttpRequest) -> HttpResponse:
    """The same answer whether anybody has the address, and as fast: a mail is sent by a thread of its own."""
    form: Any = PasswordResetForm(request.POST or None)
    context = {"form": form, "has_mail": mail.is_configured()}
    if request.method == "POST" and mail.is_configured() and form.is_valid():
        address = form.cleaned_data["email"]
        try:
            LinkRequests(request, address).begin()
        except TooOften as refusal:
            context |= {"refusal": str(refusal)}
            answer = render(request, "dashboard/account/forgot.html", context, status=429)
            answer["Retry-After"] = str(refusal.wait)
            return answer
        for user in islice(form.get_users(address), MOST_OF_ONE_ADDRESS):
            mail.begin(links.reset(user, links.make(user, links.base_url(request))))
        context["is_sent"] = True
    return render(request, "dashboard/account/forgot.html", context)
