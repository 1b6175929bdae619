"""The pages that links in our own answers lead to: what a code means, and what a refusal means. For everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api.v1.problem_types import Problem
from jobs.error_help import FAMILIES, explain, explanations


@require_safe
def errors_page(request: HttpRequest) -> HttpResponse:
    """Why images fail: every code under an anchor of its own name, `#http_404` too."""
    families = [(family, [explain(f"http_{status}") for status in family.statuses]) for family in FAMILIES]
    context = {"explanations": explanations(), "families": families}
    return render(request, "dashboard/docs_errors.html", context)


@require_safe
def problems_page(request: HttpRequest) -> HttpResponse:
    """Why requests are refused: every problem type under an anchor of its slug."""
    return render(request, "dashboard/docs_problems.html", {"problems": [problem.value for problem in Problem]})
