"""The page at /docs/: the OpenAPI document to read and try out, from this service's own files."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from drf_spectacular.views import SpectacularSwaggerSplitView

# Swagger UI writes style attributes and style elements, and draws its icons from data: URLs. Scripts stay as strict as
# everywhere: nothing inline, no eval, nothing from other origins.
POLICY = {
    **settings.SECURE_CSP,
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
}


@method_decorator(csp_override(POLICY), name="dispatch")
class SwaggerUI(SpectacularSwaggerSplitView):
    """Public, without signing in; its requests to the API use the reader's own session or credentials."""

    http_method_names = ["get", "head"]
    url_name = "v1:openapi"
    title = "Retail Pulse API"
    authentication_classes = ()
    permission_classes = ()

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)
