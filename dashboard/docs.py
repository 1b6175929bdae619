"""The pages that links in the API's answers lead to: what a code means, and what a refusal means. Open to everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api.v1.problem_types import Problem
from jobs.error_help import FAMILIES, explain, explanations


@require_safe
def errors_page(request: HttpRequest) -> HttpResponse:
    """Why images fail: every code under an anchor with its name, `#http_404` included."""
    families = [(family, [explain(f"http_{status}") for status in family.statuses]) for family in FAMILIES]
    context = {"explanations": explanations(), "families": families}
    return render(request, "dashboard/docs_errors.html", context)


@require_safe
def problems_page(request: HttpRequest) -> HttpResponse:
    """Why requests are refused: every problem type under an anchor of its slug."""
    return render(request, "dashboard/docs_problems.html", {"problems": [problem.value for problem in Problem]})
