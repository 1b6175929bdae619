"""People, for those who manage them: the users page by page, one user, invitations, and links that set a password.

What may be done to whom is asked of `access.rights`. One's own role and account are for somebody else to change: nobody
locks themselves out, or lets themselves in, by mistake.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.datastructures import MultiValueDict
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from access import links, mail, own_keys, people, rights, roles
from access.models import Role, Team, TooManyMembers
from access.roles import RoleName

ROWS = 50
LONGEST_SEARCH = 150
# Lines of a person's history, and teams to choose from.
MOST_LINES = 20
MOST_TEAMS_SHOWN = 500
_NO_ROLE = "none"


@require_safe
@login_required
def people_list(request: HttpRequest) -> HttpResponse:
    """By name, some at a time, however many there are."""
    _require_right(request)
    asked = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    after = request.GET.get("after", "").replace("\0", "")[:LONGEST_SEARCH]
    found = User.objects.filter(username__gt=after).order_by("username").prefetch_related("teams")
    if asked:
        found = found.filter(Q(username__icontains=asked) | Q(email__icontains=asked))
    rows = list(found[: ROWS + 1])
    context = {
        "people": _with_standing(rows[:ROWS]),
        "asked": asked,
        "after": after,
        "next": rows[ROWS - 1].username if len(rows) > ROWS else None,
        "may_invite": rights.may_invite(request.user),
    }
    return render(request, "dashboard/people/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def invite(request: HttpRequest) -> HttpResponse:
    """A new user, and the link by which they set their password: in this one answer, and by mail where that goes."""
    _require_right(request)
    if not rights.may_invite(request.user):
        raise PermissionDenied("It takes the permission to add users to invite somebody.")
    form = people.Invitation(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        role, team = _role_of(request), _team_of(request)
        try:
            with transaction.atomic():
                person = form.make()
                if person is not None:
                    _equip(request, person, role, team)
        except TooManyMembers as refused:
            form.add_error(None, str(refused))
        else:
            if person is not None:
                return _show_link(request, person, is_invitation=True)
    context = {"form": form, **_choices(request)}
    return render(request, "dashboard/people/invite.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def person_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Who somebody is here, what was done to them, and what may be done."""
    person = _find(request, pk)
    if request.method == "POST":
        act = _ACTS.get(request.POST.get("act", ""))
        if act is None:
            messages.error(request, "This page has no such action.")
            return redirect("dashboard:person", pk)
        return act(request, person)
    may_manage = rights.may_manage(request.user, person)
    is_self = person.pk == request.user.pk
    role = roles.role_of(person)
    standing = people.standing(person, role)
    context = {
        "person": person,
        "role": role,
        "standing": standing,
        "may_have_role": standing != people.SUPERUSER,
        "teams": person.teams.order_by("name"),
        "number_of_keys": own_keys.keys_of(person).live().count(),
        "history": people.history(person, MOST_LINES),
        "is_self": is_self,
        "may_manage": may_manage,
        "may_change": may_manage and not is_self,
        **_choices(request),
    }
    return render(request, "dashboard/people/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first."""
    person = _find(request, pk)
    _require_change(request, person)
    if request.method == "POST":
        if people.deactivate(person):
            people.note(request.user, person, "Deactivated.")
        messages.success(request, f"{person} is deactivated: their sessions, tokens and API keys have ended.")
        return redirect("dashboard:person", pk)
    keys = own_keys.keys_of(person).live().count()
    return render(request, "dashboard/people/confirm_deactivate.html", {"person": person, "number_of_keys": keys})


def _reactivate(request: HttpRequest, person: User) -> HttpResponse:
    _require_change(request, person)
    if people.reactivate(person):
        people.note(request.user, person, "Reactivated.")
    messages.success(request, f"{person} is active again, and needs a link to set a password.")
    return redirect("dashboard:person", person.pk)


def _link(request: HttpRequest, person: User) -> HttpResponse:
    if not rights.may_manage(request.user, person):
        raise PermissionDenied(_NOT_THEM)
    if not person.is_active:
        messages.error(request, f"{person} is deactivated, so that a link would open nothing.")
        return redirect("dashboard:person", person.pk)
    return _show_link(request, person, is_invitation=False)


def _change_role(request: HttpRequest, person: User) -> HttpResponse:
    _require_change(request, person)
    role, before = _role_of(request), roles.role_of(person)
    with transaction.atomic():
        roles.give_role(person, role)
        if role != before:
            people.note(request.user, person, f"Role changed from {before or _NO_ROLE} to {role or _NO_ROLE}.")
    messages.success(request, f"{person} has {f'the role {role}' if role else 'no role'} now.")
    return redirect("dashboard:person", person.pk)


def _change_teams(request: HttpRequest, person: User) -> HttpResponse:
    if not rights.may_manage_teams(request.user):
        raise PermissionDenied("It takes the permission to change teams.")
    if not (person.pk == request.user.pk or rights.may_manage(request.user, person)):
        raise PermissionDenied(_NOT_THEM)
    joined, left = _team_of(request), list(person.teams.filter(pk__in=_numbers(request.POST.getlist("leave"))))
    try:
        with transaction.atomic():
            for team in left:
                team.change_members(remove=[person])
                people.note(request.user, person, f"Left the team {team}.")
            if joined is not None:
                joined.change_members(add=[person])
                people.note(request.user, person, f"Joined the team {joined}.")
    except TooManyMembers as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Changed the teams of {person}.")
    return redirect("dashboard:person", person.pk)


_ACTS = {"link": _link, "role": _change_role, "teams": _change_teams, "reactivate": _reactivate}
_NOT_THEM = (
    "This user may do something that you may not, or is a superuser: only somebody with at least the same rights can "
    "change them."
)


def _require_right(request: HttpRequest) -> None:
    if not rights.may_manage_people(request.user):
        raise PermissionDenied("This is for those who manage people.")


def _require_change(request: HttpRequest, person: User) -> None:
    if person.pk == request.user.pk:
        raise PermissionDenied("Nobody changes their own role, or deactivates themselves.")
    if not rights.may_manage(request.user, person):
        raise PermissionDenied(_NOT_THEM)


def _find(request: HttpRequest, pk: int) -> User:
    _require_right(request)
    person = User.objects.filter(pk=pk).first()
    if person is None:
        raise Http404("There is no such user.")
    return person


def _equip(request: HttpRequest, person: User, role: RoleName | None, team: Team | None) -> None:
    """Raises TooManyMembers."""
    if role is not None:
        roles.give_role(person, role)
    if team is not None:
        team.change_members(add=[person])
    told = [f"with the role {role}"] if role else []
    told += [f"in the team {team}"] if team else []
    people.note(request.user, person, f"Invited{' ' + ' '.join(told) if told else ''}.")


def _show_link(request: HttpRequest, person: User, *, is_invitation: bool) -> HttpResponse:
    link = links.make(person, links.base_url(request))
    message = (links.invitation if is_invitation else links.reset)(person, link)
    is_mailed = links.mail_to(person, message)
    people.note(request.user, person, f"Made a link to set a password{', and mailed it' if is_mailed else ''}.")
    context = {
        "person": person,
        "link": link,
        "days": settings.PASSWORD_LINK_DAYS,
        "is_mailed": is_mailed,
        "has_mail": mail.is_configured(),
    }
    return render(request, "dashboard/people/link.html", context)


def _role_of(request: HttpRequest) -> RoleName | None:
    """Raises PermissionDenied for a role that the caller may not give, and BadRequest for what is none."""
    name = request.POST.get("role", _NO_ROLE)
    if name not in (*RoleName, _NO_ROLE):
        raise BadRequest("There is no such role.")
    role = None if name == _NO_ROLE else RoleName(name)
    if not rights.may_give_role(request.user, role):
        raise PermissionDenied(f"You may not give the role {role}: it may do something that you may not.")
    return role


def _team_of(request: HttpRequest) -> Team | None:
    """The team to join, if any. Raises PermissionDenied, and BadRequest for what is no team."""
    wanted = request.POST.get("join", "")
    if not wanted:
        return None
    if not rights.may_manage_teams(request.user):
        raise PermissionDenied("It takes the permission to change teams.")
    team = Team.objects.filter(pk__in=_numbers([wanted])).first()
    if team is None:
        raise BadRequest("There is no such team any more.")
    return team


def _numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts[:100] if text.isascii() and text.isdigit() and len(text) < 19]


def _choices(request: HttpRequest) -> dict[str, Any]:
    may_manage_teams = rights.may_manage_teams(request.user)
    return {
        "roles": [role.value for role in RoleName if rights.may_give_role(request.user, role)],
        "may_manage_teams": may_manage_teams,
        "all_teams": Team.objects.order_by("name")[:MOST_TEAMS_SHOWN] if may_manage_teams else [],
    }


def _with_standing(rows: list[User]) -> list[tuple[User, str]]:
    """Two columns, by one query for all."""
    found: MultiValueDict[int, str] = MultiValueDict()
    for pk, name in Role.objects.filter(group__user__in=[row.pk for row in rows]).values_list("group__user", "name"):
        found.appendlist(pk, name)
    most = {pk: next(each for each in reversed(RoleName) if each in names) for pk, names in found.lists()}
    return [(row, people.standing(row, most.get(row.pk))) for row in rows]
