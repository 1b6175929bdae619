"""The button that has a paused host tried again, on every page that has it."""

from django.contrib import messages
from django.http import HttpRequest

from jobs import actions
from jobs.reporting.hosts import displayed


def resume(request: HttpRequest) -> None:
    """Do it for the host that the form names, and report the result."""
    host = request.POST.get("host", "")
    if "\0" not in host and actions.resume_host(host, request.user):
        messages.success(request, f"{displayed(host)} is tried again now.")
    else:
        messages.warning(request, "The host is not paused any more.")
