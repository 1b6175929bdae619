"""The proxies' files of `deploy/` before a real server: TLS, headers, bodies, streams, slow clients."""

import json
import socket
import ssl
import time
from contextlib import ExitStack

import pytest

from tests.end_to_end.conftest import Deployment
from tests.end_to_end.proxies import NAME, PROGRAMS, running
from tests.end_to_end.test_live_events import events

WEB_THREADS = 3
# With this many, one address may fail five times.
LOGIN_FAILURES = 1
# Caddy before 2.7, which is Debian's, knows no length of what it has buffered, and calls its own refusal a 502.
CHUNKED = {"nginx": {201}, "caddy": {201, 411}}
TOO_LARGE = {"nginx": {413}, "caddy": {413, 502}}


@pytest.fixture(scope="module")
def deployment(migrated_database, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("proxied"), migrated_database())
    yield deployment
    deployment.end()


@pytest.fixture(scope="module")
def service(deployment):
    with deployment.service(
        ALLOWED_HOSTS=NAME,
        API_OPEN="false",
        GPU_MIN_SECONDS="0.2",
        GPU_MAX_SECONDS="0.2",
        HTTPS="true",
        LOGIN_FAILURES=str(LOGIN_FAILURES),
        PROXIES="1",
        WEB_THREADS=str(WEB_THREADS),
    ) as service:
        yield service


@pytest.fixture(scope="module")
def key(deployment, manage):
    return manage(deployment, "create_api_key", "proxied", "--scope", "submit,read").split()[-1]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.skipif(path is None, reason=f"there is no {name} on this machine"))
        for name, path in PROGRAMS.items()
    ],
)
def proxy(request, service, tmp_path_factory):
    with running(request.param, tmp_path_factory.mktemp(request.param), service.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy, key):
    with proxy.session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        yield session


def payload(images, count=1):
    urls = [f"{images.url}/shelf.jpg?{number}" for number in range(count)]
    return {"count": 1, "visits": [{"store_id": "DEMO0001", "visit_time": "today", "image_url": urls}]}


def test_a_page_is_served_over_tls_with_secure_cookies(proxy):
    with proxy.session() as visitor:
        answer = visitor.get(f"{proxy.url}/sign-in/", allow_redirects=False)
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]


def test_plain_http_leads_to_https(proxy):
    with proxy.session() as visitor:
        answer = visitor.get(f"http://127.0.0.1:{proxy.plain_port}/jobs/?q=1", allow_redirects=False)
    assert answer.status_code in (301, 308)
    assert answer.headers["Location"].startswith(f"https://{NAME}")
    assert answer.headers["Location"].endswith("/jobs/?q=1")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_what_watches_the_service_does_not_come_through_the_proxy(proxy, path):
    with proxy.session() as visitor:
        answer = visitor.get(f"{proxy.url}{path}")
    assert (answer.status_code, answer.text.strip()[:1]) in {(404, "<"), (404, "")}


def test_what_a_client_claims_of_its_origin_is_not_believed(proxy, client):
    claims = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = client.get(f"{proxy.url}/api/v1/jobs?limit=1", headers=claims, allow_redirects=False)
    assert answer.status_code == 200
    assert "evil.example" not in answer.text + str(answer.headers)


def test_failed_sign_ins_are_counted_by_the_clients_own_address_whatever_it_claims(proxy, request):
    statuses = []
    with proxy.session() as visitor:
        for number in range(5 * LOGIN_FAILURES + 1):
            guess = {"username": f"{request.node.name}-{number}", "password": "wrong"}
            forged = {"X-Forwarded-For": f"203.0.113.{number}"}
            statuses.append(visitor.post(f"{proxy.url}/api/token/", json=guess, headers=forged).status_code)
    # Of the second proxy all are refused: it has the same address.
    assert statuses[-1] == 429
    assert set(statuses) <= {401, 429}


def test_a_chunked_body_arrives_with_its_length(proxy, client, images):
    text = json.dumps(payload(images)).encode()
    answer = client.post(
        f"{proxy.url}/api/submit/", data=iter([text[:20], text[20:]]), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in CHUNKED[proxy.program], answer.text


def test_a_body_that_is_too_large_is_refused(proxy, client):
    answer = client.post(f"{proxy.url}/api/submit/", data=b" " * (32 * 2**20 + 1))
    assert answer.status_code in TOO_LARGE[proxy.program]


def test_live_events_come_as_they_happen(proxy, client, images):
    job = client.post(f"{proxy.url}/api/submit/", json=payload(images, 40)).json()["job_id"]
    begun = time.monotonic()
    stream = client.get(f"{proxy.url}/api/v1/jobs/{job}/events", stream=True, timeout=20)
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    received = [(name, time.monotonic() - begun) for name, _ in events(stream)]
    # Of work that takes a second: a proxy that kept the stream to itself would pass on all of it at its end.
    assert received[-1][0] == "end"
    assert received[0][1] < received[-1][1] / 2


def test_clients_that_send_slowly_take_no_web_thread(proxy, client, key):
    head = (
        f"POST /api/submit/ HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    ).encode()
    context = ssl.create_default_context(cafile=proxy.file)
    with ExitStack() as stack:
        for _ in range(2 * WEB_THREADS):
            slow = stack.enter_context(_connected(context, proxy.port))
            slow.sendall(head)
        begun = time.monotonic()
        for _ in range(WEB_THREADS):
            assert client.get(f"{proxy.url}/api/v1/jobs?limit=1").status_code == 200
        assert time.monotonic() - begun < 5


def _connected(context, port):
    plain = socket.create_connection(("127.0.0.1", port), timeout=15)
    return context.wrap_socket(plain, server_hostname=NAME)
