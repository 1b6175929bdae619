"""How right the forecasts of jobs' ends have been: the back-test of what the pages of jobs say."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from insights.figures import FEWEST
from insights.forecast_ranges import COVERS, MOST_PAST, TOLERANCE
from insights.forecasts import range_tests


@require_safe
@login_required
def forecasts_page(request: HttpRequest) -> HttpResponse:
    context = {
        "tests": range_tests(),
        "fewest": FEWEST,
        "most_past": MOST_PAST,
        "covers": COVERS,
        "lowest": COVERS - TOLERANCE,
        "highest": COVERS + TOLERANCE,
    }
    return render(request, "dashboard/forecasts/page.html", context)
