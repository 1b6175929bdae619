"""Alerts of what is unusual about areas, hosts, stores and people; dismissing them; how often each rule is wrong."""

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.figures import FigureField
from api.v1.problem_types import Problem
from api.v1.views import V1View, find_by_id, path_id
from insights import alerts
from insights.audience import audience_of
from insights.models import Alert, RuleCheck
from insights.models.alert import MAX_REASON
from insights.rule_tests import rates
from insights.rules import RULES, Rule
from jobs.models.image_result import MAX_HOST
from jobs.submission.payload import MAX_STORE_ID, MAX_VISITED_BY

# The kind of subject that each filter is about.
_SUBJECTS = {
    "area": Alert.Kind.AREA,
    "store": Alert.Kind.STORE,
    "host": Alert.Kind.HOST,
    "visited_by": Alert.Kind.PERSON,
}
_FILTERS = (
    parameters.choice("state", "Alerts in this state.", Alert.State.values),
    parameters.choice("rule", "Alerts of this rule.", RULES),
    parameters.text("area", "Alerts about this area; not those about its stores.", 64),
    parameters.text("store", "Alerts about this store.", MAX_STORE_ID),
    parameters.text("host", "Alerts about this photo host.", MAX_HOST),
    parameters.text("visited_by", "Alerts about this person, as visits name them.", MAX_VISITED_BY),
)


class AlertAction(serializers.Serializer[Any]):
    """What somebody did to an alert."""

    at = serializers.DateTimeField()
    by = serializers.CharField(help_text="Their user name; empty without credentials.")
    what = serializers.ChoiceField(choices=["dismissed", "reopened"])
    reason = serializers.CharField()


class AlertRow(serializers.Serializer[Alert]):
    """Something unusual that a rule has found, for as long as it goes on."""

    id = serializers.IntegerField(source="pk")
    rule = serializers.ChoiceField(choices=list(RULES))
    subject_kind = serializers.ChoiceField(
        source="kind",
        choices=Alert.Kind.values,
        help_text="What it is about; `service` is too many at once to list them.",
    )
    subject = serializers.CharField(help_text="The area, host, store id or person; empty for `service`.")
    since = serializers.DateField(help_text="The first day that it is about, in the service's INSIGHTS_TIME_ZONE.")
    until = serializers.DateField(help_text="The last day so far.")
    expected = serializers.FloatField(
        allow_null=True, help_text="In the rule's unit, of the day or week that differs most; null if not a number."
    )
    seen = serializers.FloatField(help_text="In the rule's unit.")
    unit = serializers.SerializerMethodField()
    says = serializers.CharField(help_text="The same in a sentence.")
    state = serializers.ChoiceField(choices=Alert.State.choices)
    first_seen = serializers.DateTimeField(help_text="When it was found for the first time.")
    last_seen = serializers.DateTimeField()
    dismissed_at = serializers.DateTimeField(allow_null=True)
    dismissed_by = serializers.CharField(source="dismissed_by_name")
    reason = serializers.CharField(help_text="Why it was dismissed.")

    def get_unit(self, alert: Alert) -> str:
        rule = RULES.get(alert.rule)
        return rule.unit if rule else ""


class AlertDetail(AlertRow):
    """An alert, with what people did to it."""

    history = AlertAction(many=True, help_text="Oldest first; the latest 20.")


class RuleBacktest(serializers.Serializer[Any]):
    """How often the rule is wrong, by its own back-test on this database's data."""

    tested_at = serializers.DateTimeField()
    case = serializers.CharField(help_text="What is counted, such as area-days.")
    n = serializers.IntegerField(min_value=0, help_text="Cases of the past.")
    found = serializers.IntegerField(min_value=0, help_text="Of them, those that the rule finds, right or wrong.")
    means = serializers.CharField(help_text="What `found` tells.")
    found_per_thousand = FigureField(help_text="With a 95 % interval as if cases were independent.")
    invented = serializers.IntegerField(min_value=0, help_text="Invented cases as usual as can be.")
    false = serializers.IntegerField(min_value=0, help_text="Of them, those that the rule finds: false alarms.")
    false_per_thousand = FigureField(help_text="The same of invented cases.")
    planted = serializers.IntegerField(min_value=0, help_text="Invented days with a fifth of their visits.")
    planted_found = serializers.IntegerField(min_value=0)
    says = serializers.CharField()


class RuleRow(serializers.Serializer[Rule]):
    """A rule that raises alerts."""

    class Meta:
        ref_name = "AlertRule"  # its name in the OpenAPI document

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField(help_text="Of `expected` and `seen`.")
    what = serializers.CharField()
    formula = serializers.CharField()
    limits = serializers.CharField()
    checked_at = serializers.DateTimeField(allow_null=True, help_text="Null where it was never tried for the caller.")
    backtest = RuleBacktest(allow_null=True)

    def to_representation(self, rule: Rule) -> dict[str, Any]:
        check = self.context["checks"].get(rule.name)
        made = {
            "checked_at": check and check.checked_at,
            "backtest": backtest_of(check) if check and check.backtest else None,
        }
        return super().to_representation(SimpleNamespace(**asdict(rule), **made))  # type: ignore[arg-type]  # its fields


def backtest_of(check: RuleCheck) -> dict[str, Any]:
    """A check's back-test, with its rates."""
    found: dict[str, Any] = check.backtest or {}
    per_thousand = rates(found)
    return {
        **found,
        "tested_at": check.tested_at,
        "found_per_thousand": per_thousand.found,
        "false_per_thousand": per_thousand.false,
    }


class Alerts(V1View):
    tag = "alerts"
    parameters = {"GET": (*_FILTERS, *parameters.PAGE)}

    @describe(summary="List alerts", responses=pages.page_of(AlertRow))
    def get(self, request: Request) -> Response:
        """Those of all jobs, for who may read all jobs; else those of one's own. The latest first."""
        found = alerts.visible_to(request.user)
        for name in ("state", "rule"):
            if name in self.query:
                found = found.filter(**{name: self.query[name]})
        for name, kind in _SUBJECTS.items():
            if name in self.query:
                found = found.filter(kind=kind, subject=self.query[name])
        page = parameters.page_of(self.query).of(found.defer("history"), newest_first=True)
        return Response(pages.answer(AlertRow, page))


class OneAlert(V1View):
    tag = "alerts"
    path_parameters = (path_id("alert_id", "An alert's id."),)

    @describe(summary="Read an alert", responses=AlertDetail)
    def get(self, request: Request, alert_id: str) -> Response:
        """With what people did to it, oldest first."""
        return Response(AlertDetail(self.find_alert(alert_id)).data)

    def find_alert(self, alert_id: str) -> Alert:
        """Raises a Refusal where there is none that the caller may read."""
        return find_by_id(alerts.readable_by(self.request.user), alert_id, "alert")


class _ChangeAlert(OneAlert):
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    refusals = {"POST": (409,)}

    def change(self, alert_id: str, do: Callable[[Alert], Alert]) -> Response:
        alert = self.find_alert(alert_id)
        if not rights.may_dismiss(self.request.user, alert):
            detail = f"You may read alert {alert.pk}, but it takes the permission to change jobs to do this."
            raise problems.Refusal(Problem.NOT_ALLOWED, detail)
        try:
            return Response(AlertDetail(do(alert)).data)
        except alerts.NotChanged as error:
            raise problems.Refusal(Problem.CONFLICT, str(error)) from None
        except Alert.DoesNotExist:
            raise problems.not_found(f"alert {alert_id[:20]}") from None


def _reason(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_REASON:
        raise request_bodies.Unacceptable(f"must be a string of 1 to {MAX_REASON} characters that is not blank")
    return value.strip()


_BODY = {
    "type": "object",
    "properties": {
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_REASON,
            "pattern": r"\S",
            "description": "Why nobody needs to look any more.",
        }
    },
    "required": ["reason"],
    "additionalProperties": False,
}


class DismissAlert(_ChangeAlert):
    fields: ClassVar[dict[str, Callable[[Any], Any]]] = {"reason": _reason}

    @describe(
        summary="Dismiss an alert",
        request={"application/json": _BODY},
        responses=AlertDetail,
        examples=[OpenApiExample("Known", {"reason": "A festival week"}, request_only=True)],
    )
    def post(self, request: Request, alert_id: str) -> Response:
        """With a reason. It stays dismissed while the same goes on. 409 unless it is open."""
        reason = request_bodies.read_object(request.data, self.fields, required=("reason",))["reason"]
        return self.change(alert_id, lambda alert: alerts.dismiss(alert.pk, request.user, reason, timezone.now()))


class ReopenAlert(_ChangeAlert):
    @describe(summary="Reopen a dismissed alert", request=None, responses=AlertDetail)
    def post(self, request: Request, alert_id: str) -> Response:
        """409 unless it is dismissed."""
        request_bodies.read_nothing(request.data)
        return self.change(alert_id, lambda alert: alerts.reopen(alert.pk, request.user, timezone.now()))


class AlertRules(V1View):
    tag = "alerts"

    @describe(summary="List the rules of alerts", responses=RuleRow(many=True))
    def get(self, request: Request) -> Response:
        """Each with its formula, its limits and its back-test on the data that the caller may read."""
        by_rule = {check.rule: check for check in RuleCheck.objects.of(audience_of(request.user))}
        return Response(pages.list_of(RuleRow, RULES.values(), checks=by_rule))
