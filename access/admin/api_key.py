"""API keys in the admin, viewed and revoked: they are made where their text can be shown once."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from access import rights
from access.models import ApiKey
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
