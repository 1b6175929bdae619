"""Paused photo hosts: why, until when, and how many images wait; and trying one again at once."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access import rights
from access.models import Scope
from access.permissions import SignedInOrOpen, WithinScope, only
from api.v1 import pages, parameters, problems, request_bodies
from api.v1.describe import describe
from api.v1.views import V1View
from jobs import actions
from jobs.models import PausedHost
from jobs.reporting.hosts import MOST_COUNTED, waiting_images

MAX_NAME = 262
HOST = OpenApiParameter(
    "host",
    {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
    "path",
    required=True,
    description="A paused host, as name:port.",
)


class Host(serializers.Serializer[PausedHost]):
    """A host that refused several images in a row: it gets no request for a while, and its images wait."""

    host = serializers.CharField(source="name", help_text="As name:port.")
    code = serializers.CharField(help_text="Error code of its last refusal, as an image would fail with it.")
    message = serializers.CharField()
    since = serializers.DateTimeField(help_text="When it refused for the first time since its last answer.")
    until = serializers.DateTimeField(help_text="Then one image tests whether it has recovered.")
    pauses = serializers.IntegerField(source="number", min_value=1, help_text="Pauses in a row, including this one.")
    waiting_images = serializers.SerializerMethodField(
        help_text=f"Images of all jobs that wait for it, counted up to {MOST_COUNTED:,}."
    )

    def get_waiting_images(self, host: PausedHost) -> int:
        images: int = self.context["images"][host.name]
        return images


class ResumeResult(serializers.Serializer[Any]):
    """A host that is being tried again."""

    class Meta:
        ref_name = "Resumed"  # its name in the OpenAPI document

    host = serializers.CharField()
    waiting_images = serializers.IntegerField(min_value=0, help_text=f"Counted up to {MOST_COUNTED:,}.")


class _HostView(V1View):
    """Hosts concern the jobs of all users, so they are for staff."""

    tag = "hosts"


class Hosts(_HostView):
    permission_classes = (SignedInOrOpen, WithinScope, only(rights.may_see_hosts, "staff who may view paused hosts"))
    parameters = {"GET": parameters.PAGE}

    @describe(summary="List paused hosts", responses=pages.page_of(Host))
    def get(self, request: Request) -> Response:
        """For staff. In the order in which they were paused."""
        page = parameters.page_of(self.query).of(PausedHost.objects.all())
        images = waiting_images(host.name for host in page.rows) if page.rows else {}
        return Response(pages.answer(Host, page, images=images))


class ResumeHost(_HostView):
    permission_classes = (
        SignedInOrOpen,
        WithinScope,
        only(rights.may_resume_hosts, "staff who may change paused hosts"),
    )
    http_method_names = ["post"]
    scopes = {"POST": Scope.MANAGE}
    path_parameters = (HOST,)

    @describe(summary="Try a paused host again", request=None, responses=ResumeResult)
    def post(self, request: Request, host: str) -> Response:
        """For staff. Its images are fetched again at once; if it refuses them, it is paused again."""
        request_bodies.read_nothing(request.data)
        images = 0 if "\0" in host else waiting_images([host])[host]
        if "\0" in host or not actions.resume_host(host, request.user):
            raise problems.not_found("paused host with this name")
        return Response({"host": host, "waiting_images": images})
