"""Problem stores beside their hosts, failures by area, host, category and group, and the risk of stores."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.pagination import PageRequest, write_cursor
from api.v1 import parameters, scopes
from api.v1.describe import describe
from api.v1.figures import About, FigureField, about
from api.v1.views import V1View
from insights.failures import By, FailureRow, failures
from insights.problems import SURE, TIMES, StoreProblem, problems, store_problem
from insights.risk import risks
from insights.scope import Scope, as_of
from insights.store_rates import rates_as_of
from stores.models import Store

STORE = "store"
_BY = parameters.choice("by", f"What the rows are of; `{STORE}` by default.", [STORE, *By])
_SCOPE = (scopes.AREA, scopes.CATEGORY, scopes.GROUP, *scopes.PERIOD)


class BesideHost(serializers.Serializer[StoreProblem]):
    """A store beside the other stores' images at the same hosts."""

    host = serializers.CharField(
        source="frequent.host", help_text="That most of its images are from; empty for URLs that name none."
    )
    hosts = serializers.IntegerField(source="frequent.hosts", min_value=0, help_text="How many it has.")
    rate = FigureField(source="host_rate", help_text="Of the other stores' images there that failed.")
    excess = FigureField(help_text="Images lost beyond as many as its hosts lost of others.")
    posterior = serializers.FloatField(
        allow_null=True, help_text=f"The probability that its rate is more than {TIMES:g} times its hosts'."
    )
    is_problem = serializers.BooleanField(help_text=f"Whether that is above {SURE:g}.")


class ProblemRow(serializers.Serializer[Any]):
    """One store, area, host, category or group."""

    key = serializers.CharField(
        help_text="A store's id, an area, a host, a category's name or a group's id; empty for stores without one."
    )
    name = serializers.CharField(help_text="Of a store or a group; empty otherwise, and where there is none.")
    rate = FigureField(help_text="Of images that failed, of those that were tried.")
    code = serializers.CharField(help_text="The most frequent error code, by visits; empty where nothing failed.")
    beside_host = BesideHost(allow_null=True, help_text="Null except for stores.")


class ProblemsAnswer(About):
    """Problem stores, or failures by something else: those with the most lost images first."""

    class Meta:
        ref_name = "Problems"  # its name in the OpenAPI document

    results = ProblemRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


class Problems(V1View):
    tag = "stores"
    parameters = {"GET": (_BY, *_SCOPE, scopes.STORE, *parameters.PAGE)}

    @describe(summary="List problem stores, or failures by area, host, category or group", responses=ProblemsAnswer)
    def get(self, request: Request) -> Response:
        """By store: those that fail more than twice as often as the others at the same hosts, with a probability above
        .95; with `store`, that one, be it a problem or not. Those that lost the most beyond their hosts come first.

        By anything else: all that had images, those with the most failed images first. Of visits of jobs
        that you may read. Stores of the usual 13 weeks are as of minutes earlier.
        """
        page = parameters.page_of(self.query)
        by, store = self.query.get("by", STORE), self.query.get(STORE)
        scope = scopes.scope_of(request.user, self.query)
        if by != STORE:
            found = failures(scope, By(by), page.limit + 1, page.after)
            rows = [_failures(row) for row in found]
        elif store is not None:
            one = store_problem(scope, store)
            rows = _stores([one] if one else [])
        else:
            rows = _stores(problems(scope).described(page.after, page.after + page.limit + 1))
        mark = rates_as_of(scope) if by == STORE else as_of()
        return Response(ProblemsAnswer(_answer(scope, rows, page, mark)).data)


class StoreRiskRow(serializers.Serializer[Any]):
    """One store; its risk is its rate, drawn to its hosts' as far as `strength` images would."""

    class Meta:
        ref_name = "StoreRisk"

    store_id = serializers.CharField()
    name = serializers.CharField(help_text="Empty where the store master does not hold the store.")
    risk = FigureField(help_text="That its next image fails.")
    rate = FigureField(help_text="Of its images that failed so far.")
    host_rate = FigureField(help_text="Of the other stores' images at the same hosts.")


class RiskTestRow(serializers.Serializer[Any]):
    """How well risks predicted the last third of the days, fitted to the days before alone."""

    class Meta:
        ref_name = "RiskTest"

    stores = serializers.IntegerField(min_value=0)
    images = serializers.IntegerField(min_value=0, help_text="That were predicted.")
    strength = serializers.FloatField(
        help_text="The images of its hosts that a store's own are weighed against; 5,000 where stores are like them."
    )
    log_skill = FigureField(help_text="1 - log loss / that of the hosts' rates alone; above 0 it was better.")
    brier_skill = FigureField(help_text="The same of the squared error.")
    calibration_error = serializers.FloatField(
        help_text="The mean distance of what was predicted from what came, in ten classes."
    )


class RiskAnswer(About):
    """The stores at the highest risk first; none where the test was not passed."""

    class Meta:
        ref_name = "Risk"

    is_shown = serializers.BooleanField(
        help_text="Whether the test's log skill is above 0 by its whole interval: else there are no results."
    )
    test = RiskTestRow(allow_null=True, help_text="Null where there was too little to test on.")
    results = StoreRiskRow(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


class Risk(V1View):
    tag = "stores"
    parameters = {"GET": (*_SCOPE, *parameters.PAGE)}

    @describe(summary="List the stores whose next image is the likeliest to fail", responses=RiskAnswer)
    def get(self, request: Request) -> Response:
        """Where stores' own failures predict anything that their hosts' do not; the test is always of all stores.

        Of visits of jobs that you may read.
        """
        page = parameters.page_of(self.query)
        scope = scopes.scope_of(request.user, self.query)
        found = risks(scope)
        listed = found.described(page.after, page.after + page.limit + 1)
        names = _names([risk.store_id for risk in listed])
        rows = [
            {
                "store_id": risk.store_id,
                "name": names.get(risk.store_id, ""),
                "risk": risk.risk,
                "rate": risk.rate,
                "host_rate": risk.host_rate,
            }
            for risk in listed
        ]
        answer = _answer(scope, rows, page, rates_as_of(scope))
        return Response(RiskAnswer({**answer, "is_shown": found.is_shown, "test": found.test}).data)


def _answer(
    scope: Scope, rows: Sequence[Mapping[str, Any]], page: PageRequest, mark: datetime | None
) -> dict[str, Any]:
    """Rows of a ranking have places instead of keys: a page begins behind one."""
    return {
        **about(scope, mark),
        "results": rows[: page.limit],
        "next_cursor": write_cursor(page.after + page.limit) if len(rows) > page.limit else None,
    }


def _stores(found: Sequence[StoreProblem]) -> list[dict[str, Any]]:
    names = _names([problem.store_id for problem in found])
    return [
        {
            "key": problem.store_id,
            "name": names.get(problem.store_id, ""),
            "rate": problem.rate,
            "code": problem.frequent.code,
            "beside_host": problem,
        }
        for problem in found
    ]


def _failures(row: FailureRow) -> dict[str, Any]:
    return {"key": row.key, "name": row.name, "rate": row.rate, "code": row.code, "beside_host": None}


def _names(store_ids: Sequence[str]) -> dict[str, str]:
    return dict(Store.objects.known(store_ids).values_list("store_id", "name"))
