"""API keys in the admin, viewed and revoked: they are made where their text can be shown once. Limits of users."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from access import rights
from access.models import ApiKey, UserLimits
from retail_pulse.admin import SecretsAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(SecretsAdmin):
    # The hash is of no use to the reader.
    secrets = ("secret_sha256",)
    fields = ["name", "user", "prefix", "allows", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_display = ["name", "user", "prefix", "allows", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["name", "prefix__exact", "user__username"]
    ordering = ["-id"]
    actions = ["revoke"]
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="scopes")
    def allows(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return rights.may_revoke_keys(request.user)

    @admin.action(
        description="Revoke",
        permissions=["revoke"],
        location=[admin.ActionLocation.CHANGE_LIST, admin.ActionLocation.CHANGE_FORM],
    )
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        revoked = 0
        for key in queryset.order_by("id"):
            if ApiKey.objects.filter(pk=key.pk).revoke():
                revoked += 1
                self.log_change(request, key, "Revoked.")
        sentence = f"{revoked} API key{pluralize(revoked)} revoked."
        self.message_user(request, sentence, messages.SUCCESS if revoked else messages.WARNING)


@admin.register(UserLimits)
class UserLimitsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    """For who has Django's permissions for it; what changed is in the admin's history."""

    list_display = ["user", "requests_per_minute", "pending_images", "priority"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    autocomplete_fields = ["user"]
    ordering = ["user_id"]
    list_per_page = 50

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_below(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_below(request, obj)

    def _is_below(self, request: HttpRequest, obj: Model | None) -> bool:
        """Nobody lifts their own limits, or sets those of who may do more than they."""
        return not isinstance(obj, UserLimits) or rights.below(request.user).filter(pk=obj.user_id).exists()

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "user":
            kwargs["queryset"] = rights.below(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["user"]
