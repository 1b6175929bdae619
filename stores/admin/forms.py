from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.helpers import AdminForm
from django.contrib.auth.models import AnonymousUser, User

from stores import imports


class OptionsForm(forms.Form):
    """How a file is to be imported; deleting is offered to those who may delete stores."""

    encoding = forms.CharField(
        max_length=40,
        required=False,
        help_text="Such as cp1252 or utf-16. Empty: UTF-8, or cp1252 where the file is not UTF-8.",
    )
    skip_rejected = forms.BooleanField(
        required=False, label="Leave rejected rows out", help_text="Instead of refusing the whole file."
    )
    prune = forms.BooleanField(
        required=False,
        label="Delete stores that the file does not name",
        help_text="Not together with leaving rejected rows out: a bad row would delete its store.",
    )

    def __init__(self, user: User | AnonymousUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not imports.may_import(user, prune=True):
            del self.fields["prune"]

    def as_admin(self) -> AdminForm:
        """The fields laid out as the admin lays out those of a model."""
        # Typed for forms of models; asks nothing of one but its fields.
        return AdminForm(self, [(None, {"fields": list(self.fields)})], {})  # type: ignore[arg-type]  # see above

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("prune") and self.cleaned_data.get("skip_rejected"):
            self.add_error("prune", "Choose one: leave rejected rows out, or delete the stores the file does not name.")
        return self.cleaned_data


class UploadForm(OptionsForm):
    file = forms.FileField(
        label="CSV file", help_text="With the columns AreaCode, StoreName and StoreID, in any order."
    )
    field_order = ["file"]
