"""Who may do what, and where: docs/access.md has the same table, and `test_actions.py` tries each cell of it.

A cell names those with the fewest rights who may: `LADDER` has who comes next. `everybody` is who has signed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.access.endpoints import CSV, FORM, HOST, JSON
from tests.api.payloads import submission

# Each may what those before may; owners and members of their teams stand beside them.
LADDER = ("viewer", "operator", "administrator", "superuser")
OWNER, TEAM, OTHER = "owner", "team", "another user"
EVERYBODY = {OWNER, TEAM, OTHER, *LADDER}

# In the command's column: whoever has the machine, whom no command asks.
type Request = tuple[str, str, str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is asked: a method, a path or the name of one, a media type and a body; and who may."""

    who: str
    request: Request

    @property
    def people(self) -> set[str]:
        found: set[str] = set()
        for word in self.who.split(", "):
            found |= EVERYBODY if word == "everybody" else {word} if word in (OWNER, TEAM) else at_least(word)
        return found


def at_least(role: str) -> set[str]:
    return set(LADDER[LADDER.index(role) :])


@dataclass(frozen=True, slots=True)
class Action:
    """By entry point. Whether it was done, where its requests change nothing or may not, is told by the answer."""

    api: Cell | None = None
    dashboard: Cell | None = None
    admin: Cell | None = None
    command: str | None = None
    is_of_ended: bool = False
    changes_nothing: bool = False

    def cells(self) -> Mapping[str, Cell | None]:
        return {"API": self.api, "dashboard": self.dashboard, "admin": self.admin}


def get(name: str) -> Request:
    return "GET", name, FORM, ""


def post(name: str, body: str = "") -> Request:
    return "POST", name, FORM, body


def send(name: str, body: Any, method: str = "POST") -> Request:
    return method, name, JSON, body


def alike(who: str, api: Request, dashboard: Request, admin: Request | None = None) -> dict[str, Any]:
    """The same people may by each of these entry points, but for the admin, where nobody has their own."""
    found = {"api": Cell(who, api), "dashboard": Cell(who, dashboard)}
    if admin:
        found["admin"] = Cell(who.split(", ")[-1], admin)
    return found


ACTIONS: dict[str, Action] = {
    "submit a job": Action(
        **alike("everybody", send("v1:jobs", submission()), post("dashboard:submit", "way=json&act=check")),
        command="submit",
        changes_nothing=True,
    ),
    "read a user's job": Action(
        **alike(
            "owner, team, viewer", get("v1:job"), get("dashboard:job"), get("/admin/jobs/job/{job_id}/change/")
        )
    ),
    "export a user's job": Action(api=Cell("owner, team, viewer", get("v1:export")), command="export"),
    "read an alert of a user's jobs": Action(
        **alike("owner, team, viewer", get("v1:alert"), get("dashboard:alert"))
    ),
    "cancel a user's job": Action(
        **alike("owner, operator", send("v1:cancel", {}), post("dashboard:job_act", "act=cancel&confirmed=yes"))
    ),
    "retry a user's job": Action(
        **alike("owner, operator", send("v1:retry", {}), post("dashboard:job_retry", "what=all")),
        command="retry",
        is_of_ended=True,
    ),
    "give a user's job a priority above 0": Action(
        **alike(
            "operator",
            send("v1:job", {"priority": 1}, "PATCH"),
            post("dashboard:job_act", "act=prioritize&priority=1"),
        )
    ),
    "dismiss an alert of a user's jobs": Action(
        **alike(
            "owner, operator",
            send("v1:dismiss-alert", {"reason": "known"}),
            post("dashboard:dismiss_alert", "reason=known"),
        )
    ),
    "decide about photos of a user's visit": Action(
        **alike("owner, operator", send("v1:verdict", {"fine": True}), post("dashboard:visit_verdict", "act=fine"))
    ),
    "delete a user's job": Action(
        **alike(
            "administrator",
            ("DELETE", "v1:job", JSON, ""),
            post("dashboard:job_delete"),
            post("/admin/jobs/job/{job_id}/delete/", "post=yes"),
        ),
        command="prune",
        is_of_ended=True,
    ),
    "see paused hosts": Action(
        **alike("viewer", get("v1:hosts"), get("dashboard:operations"), get("/admin/jobs/pausedhost/"))
    ),
    "have a paused host tried again": Action(
        **alike("operator", send("v1:resume-host", {}), post("dashboard:resume_host", f"host={HOST}")),
        changes_nothing=True,
    ),
    "see imports of stores": Action(
        **alike("viewer", get("v1:store-import"), get("dashboard:import_page"), get("/admin/stores/storeimport/"))
    ),
    "import stores": Action(
        **alike("operator", ("POST", "v1:store-imports", "text/csv", CSV), post("dashboard:apply_import")),
        command="import_stores",
        changes_nothing=True,
    ),
    "delete stores by an import": Action(
        **alike(
            "administrator",
            ("POST", "v1:store-imports?prune=true", "text/csv", CSV),
            post("dashboard:dry_run_again", "rest=prune"),
        ),
        command="import_stores",
        changes_nothing=True,
    ),
    "edit categories": Action(
        **alike(
            "operator",
            send("v1:categories", {"name": "Kiosk"}),
            post("dashboard:change_categories", "act=add_category&name=Kiosk"),
        )
    ),
    "set rules of categories": Action(
        **alike(
            "operator",
            send("v1:category-rule", {"priority": 1}, "PATCH"),
            post("dashboard:category_rule", "priority=1&act=save"),
            post(
                "/admin/stores/categoryrule/{rule_id}/change/", "category={category_id}&priority=1&allowed_hosts="
            ),
        )
    ),
    "set weights of areas": Action(
        api=Cell("operator", send("v1:area-weights", {"area": "A-1", "weight": 2})),
        admin=Cell("operator", post("/admin/stores/areaweight/add/", "area_code=A-1&weight=2")),
    ),
    "make groups of stores": Action(
        **alike(
            "operator",
            send("v1:groups", {"name": "New"}),
            post("dashboard:groups", "name=New"),
            post("/admin/stores/storegroup/add/", "name=New"),
        )
    ),
    "read and change a user's report": Action(
        **alike(
            "owner",
            send("v1:report", {"name": "New", "columns": ["visits"]}, "PATCH"),
            post("dashboard:change_report", "name=New&columns=visits"),
        )
    ),
    "read the results feed": Action(api=Cell("everybody", get("v1:results"))),
    "change a user's webhook": Action(
        **alike(
            "owner",
            send("v1:webhook", {"name": "New"}, "PATCH"),
            post("dashboard:change_webhook", "url=https%3A%2F%2Fnew.example%2F&events=job.ended"),
        ),
        command="webhook",
    ),
    "see deliveries of everybody's webhooks": Action(admin=Cell("superuser", get("/admin/webhooks/delivery/"))),
    "set a user's limits": Action(
        admin=Cell("administrator", post("/admin/access/userlimits/add/", "user={user_id}&priority=3")),
        command="set_limits",
    ),
    "revoke another user's key": Action(
        admin=Cell("administrator", post("/admin/access/apikey/", "action=revoke&_selected_action={key_id}")),
        command="revoke_api_key",
    ),
    "make and revoke keys of one's own": Action(
        dashboard=Cell("everybody", post("dashboard:account", "name=New&scopes=read")), command="create_api_key"
    ),
    "see people": Action(
        dashboard=Cell("administrator", get("dashboard:people")),
        admin=Cell("administrator", get("/admin/auth/user/")),
    ),
    "invite somebody": Action(
        dashboard=Cell("administrator", post("dashboard:invite", "username=new")), command="invite"
    ),
    "make a link that sets a user's password": Action(
        dashboard=Cell("administrator", post("/people/{user_id}/", "act=link")), command="reset_link"
    ),
    "change a user who has no more rights, or delete them": Action(
        dashboard=Cell("administrator", post("/people/{user_id}/deactivate/")),
        admin=Cell("administrator", post("/admin/auth/user/{user_id}/delete/", "post=yes")),
    ),
    "give a user a role": Action(
        dashboard=Cell("administrator", post("/people/{user_id}/", "act=role&role=viewer")),
        admin=Cell(
            "administrator",
            post(
                "/admin/auth/user/{user_id}/change/",
                "username=plain&is_active=on&date_joined_0=2026-01-01&date_joined_1=00:00:00&groups={viewers}",
            ),
        ),
        command="give_role",
    ),
    "put a user into a team": Action(
        dashboard=Cell("administrator", post("/people/{user_id}/", "act=teams&join={team_id}")), command="team"
    ),
    "make teams and change their members": Action(
        admin=Cell("administrator", post("/admin/access/team/add/", "name=New&members={user_id}")), command="team"
    ),
    "make a superuser": Action(
        admin=Cell(
            "superuser",
            post(
                "/admin/auth/user/{user_id}/change/",
                "username=plain&is_active=on&date_joined_0=2026-01-01&date_joined_1=00:00:00&is_superuser=on",
            ),
        ),
        command="createsuperuser",
    ),
    "say which permissions a role holds": Action(
        admin=Cell("superuser", post("/admin/auth/group/{viewers}/change/", "name=viewer&permissions={permission_id}"))
    ),
}  # fmt: skip

# The service's commands that do none of these: they run it, or look after its data. None of them asks who calls.
OTHER_COMMANDS = {
    "audit", "categorise_stores", "check_alerts", "demo", "demo_history", "export_results", "fill_results_feed",
    "migrate", "postgres",
    "rebuild_insights", "recompute_findings", "refresh_insights", "serve", "work",
}  # fmt: skip
