"""Links that set a password, once: handed over by an administrator, printed by a command, or mailed.

A link holds one of Django's signed tokens (PasswordResetTokenGenerator), so that nothing is stored. It ends after
PASSWORD_LINK_DAYS, with its use, and whenever its user's password or address changes, or they sign in.
"""

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from access import mail


def base_url(request: HttpRequest) -> str:
    """Where links lead: PUBLIC_URL, else where the request came in, which ALLOWED_HOSTS has checked."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


def make(user: User, base_url: str) -> str:
    """A link for a user who was just read; it is a secret like a password."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return base_url + reverse("dashboard:welcome", args=[uid, default_token_generator.make_token(user)])


def invitation(user: User, link: str) -> EmailMessage:
    return _message(user, link, "Your account at Retail Pulse", "An account at Retail Pulse was made for you.")


def reset(user: User, link: str) -> EmailMessage:
    return _message(user, link, "A new password at Retail Pulse", "You can set a new password at Retail Pulse.")


def mail_to(user: User, message: EmailMessage) -> bool | None:
    """Whether the mail server took the message; None where there is nothing to try: no server, or no address."""
    return mail.send(message) if mail.is_configured() and user.email else None


def _message(user: User, link: str, subject: str, sentence: str) -> EmailMessage:
    days = settings.PASSWORD_LINK_DAYS
    lines = [
        f"Hello {user.get_username()},",
        sentence,
        f"Set your password here within {days} day{'s' if days > 1 else ''}; the link works once:",
        link,
        "If you did not expect this, ignore it: without the link, nothing changes.",
    ]
    return EmailMessage(subject, "\n\n".join(lines) + "\n", to=[user.email])
