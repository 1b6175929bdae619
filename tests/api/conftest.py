import json
from typing import Any

import pytest
from django.test import Client


class API:
    """The three endpoints, as a client in another process would see them: a crash is an answer too."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client()
        self.client.raise_request_exception = False

    def submit(
        self, body: Any, *, path: str = "/api/submit/", content_type: str = "application/json", **headers: str
    ) -> Any:
        """`body` is sent as it is where it is bytes, else as JSON; `x_y="z"` becomes the header `x-y: z`."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        # Not `post`, which encodes the body in whatever charset the content type names.
        return self.client.generic("POST", path, data, content_type=content_type, headers=named)

    def get(self, path: str, **parameters: Any) -> Any:
        return self.client.get(f"/api/{path}", parameters)

    def status(self, job_id: Any, **parameters: Any) -> Any:
        return self.get("status", jobid=job_id, **parameters)

    def visits(self, **parameters: Any) -> Any:
        return self.get("visits", **parameters)


@pytest.fixture(autouse=True)
def open_api(settings):
    settings.API_OPEN = True


@pytest.fixture
def api() -> API:
    return API()
