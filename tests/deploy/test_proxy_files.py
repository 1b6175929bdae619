"""Do the proxies' files let through what the service accepts? What they do in real proxies: tests/end_to_end."""

import re

import pytest

from tests import ROOT
from tests.retail_pulse.settings_tables import DEFAULTS

NGINX = (ROOT / "deploy/nginx/retail-pulse.conf").read_text()
CADDY = (ROOT / "deploy/caddy/Caddyfile").read_text()


@pytest.mark.parametrize(
    ("text", "size", "timeout"),
    [
        (NGINX, r"client_max_body_size (\d+)m;", r"proxy_read_timeout (\d+)s;"),
        (CADDY, r"max_size (\d+)MiB", r"response_header_timeout (\d+)s"),
    ],
    ids=["nginx", "caddy"],
)
def test_bodies_and_answers_have_the_services_own_bounds(text, size, timeout):
    (megabytes,), (seconds,) = re.findall(size, text), re.findall(timeout, text)
    assert int(megabytes) * 2**20 == DEFAULTS["MAX_BODY_BYTES"]
    assert int(seconds) >= DEFAULTS["WEB_REQUEST_SECONDS"]


@pytest.mark.parametrize(("text", "pattern"), [(NGINX, r"keepalive_timeout (\d+)s;"), (CADDY, r"keepalive (\d+)s")])
def test_kept_connections_are_left_before_the_service_closes_them(text, pattern):
    from retail_pulse import gunicorn  # not at the top: it is gunicorn's configuration, made from the settings

    (seconds,) = re.findall(pattern, text)
    assert int(seconds) < gunicorn.keepalive
