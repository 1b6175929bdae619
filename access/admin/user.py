"""Users: changed by who may manage them, and given no more than their manager has."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import ManyToManyField, Model
from django.forms import ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest

from access import rights
from access.roles import make_staff_of_role

admin.site.unregister(User)


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    list_per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, super().has_change_permission(request, obj), obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, super().has_delete_permission(request, obj), obj)

    def _may(self, request: HttpRequest, is_permitted: bool, obj: Model | None) -> bool:
        """The model's permission alone opens the list; of one user, the rule decides as well."""
        return is_permitted and (not isinstance(obj, User) or rights.may_manage(request.user, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fixed = [] if rights.may_make_superusers(request.user) else ["is_superuser"]
        return [*super().get_readonly_fields(request, obj), *fixed]

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        # What a user has who may be changed is among these, so that nothing is lost by saving.
        if db_field.name == "groups":
            kwargs["queryset"] = rights.groups_grantable_by(request.user).order_by("name")
        elif db_field.name == "user_permissions":
            kwargs["queryset"] = rights.grantable_by(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: ModelForm[User], formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        make_staff_of_role(form.instance)
