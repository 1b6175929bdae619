"""People: invited, deactivated and reactivated, and what was done to them. Who may is asked of `rights` before."""

from typing import Any

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction

from access.models import ApiKey

# Above all roles, and none of them.
SUPERUSER = "superuser"


class Invitation(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """A new user's name and address, who can do nothing until they have set a password by a link."""

    class Meta:
        model = User
        fields = ("username", "email")
        field_classes = {"username": UsernameField}

    def clean_username(self) -> str:
        """As in Django's own form: names that differ only in case would be taken for each other."""
        username = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise forms.ValidationError(_TAKEN)
        return username

    def make(self) -> User | None:
        """The new user; None where somebody took the name in the meantime, which is then among the errors."""
        user: User = self.save(commit=False)
        user.set_unusable_password()
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError:
            self.add_error("username", _TAKEN)
            return None
        return user


_TAKEN = "There is a user of this name already."


def deactivate(user: User) -> bool:
    """End the user's sessions, tokens, links and API keys for good, and let nobody sign in as them. False: they were.

    Whoever is reactivated needs a link for a new password: the old one is forgotten, so that no session that was open
    comes back.
    """
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, is_active=True).update(is_active=False, password=make_password(None))
        ApiKey.objects.filter(user=user).revoke()
    return changed == 1


def reactivate(user: User) -> bool:
    """Let the user set a password again, by a link. False: they were active."""
    return User.objects.filter(pk=user.pk, is_active=False).update(is_active=True) == 1


def standing(user: User, role: str | None) -> str:
    """Their role, or what stands in its place."""
    return SUPERUSER if user.is_superuser else role or "none"


def note(actor: Any, user: User, sentence: str) -> None:
    """Keep who did what to whom, where the admin keeps it too."""
    LogEntry.objects.log_actions(actor.pk, [user], CHANGE, sentence, single_object=True)


def history(user: User, most: int) -> list[LogEntry]:
    """What was done to the user, the latest first."""
    of_user = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    return list(of_user.select_related("user").order_by("-pk")[:most])
