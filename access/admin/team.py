"""Teams, and who is in them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from access import rights
from access.models import Team, TooManyMembers


class TeamForm(ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    def clean_members(self) -> Any:
        members = self.cleaned_data["members"]
        try:
            self.instance.require_room_for(members)
        except TooManyMembers as error:
            raise ValidationError(str(error)) from None
        return members


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the type checker alone
    form = TeamForm
    list_display = ["name", "number_of_members"]
    search_fields = ["name", "members__username"]
    autocomplete_fields = ["members"]
    ordering = ["name"]
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        return rights.may_see_teams(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_see_teams(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rights.may_manage_teams(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_manage_teams(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return rights.may_manage_teams(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        found: QuerySet[Team] = super().get_queryset(request)
        return found.annotate(members_counted=Count("members"))

    @admin.display(description="members", ordering="members_counted")
    def number_of_members(self, team: Team) -> int:
        counted: int = team.members_counted  # type: ignore[attr-defined]  # annotated above
        return counted
