"""What does METRICS_PORT answer, to whom, and what do slow or many clients do to it?"""

import logging
import socket
import sys
import threading
from contextlib import ExitStack, suppress

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from retail_pulse.telemetry import collectors, port, serve_metrics
from retail_pulse.telemetry.port import Server
from tests.factories import no_thread
from tests.waiting import wait_for

HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def the_database_is_asked_each_time(monkeypatch):
    monkeypatch.setattr(collectors, "CACHED_SECONDS", 0.0)


@pytest.fixture
def server():
    with Server(HOST, 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def ask(server):
    def ask(path, method="GET", **headers):
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, f"http://{HOST}:{server.server_address[1]}{path}", headers=headers, timeout=30
            )

    return ask


@pytest.mark.django_db(transaction=True)
def test_prometheus_reads_the_metrics_in_the_format_that_it_asks_for(ask):
    plain, open_metrics = ask("/metrics"), ask("/metrics?x=1", Accept="application/openmetrics-text; version=1.0.0")

    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")
    families = {family.name: family for family in text_string_to_metric_families(plain.text)}
    assert families["retail_pulse_database_up"].samples[0].value == 1
    assert families["process_resident_memory_bytes"].samples[0].value > 1_000_000
    assert not [name for name in families if name.endswith("_created")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_the_probes_are_answered_as_on_the_web_port(ask, client, path):
    answer, on_the_web = ask(path), client.get(path)

    assert (answer.status_code, answer.json()) == (on_the_web.status_code, on_the_web.json()) == (200, answer.json())
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_answer_carries_the_id_of_its_request(ask):
    assert ask("/livez", **{"X-Request-Id": "r-1"}).headers["X-Request-Id"] == "r-1"
    assert len(ask("/nothing").headers["X-Request-Id"]) == 32


def test_a_head_has_no_body_and_any_other_path_or_method_no_answer(ask):
    head = ask("/livez", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0
    assert ask("/").status_code == ask("/api/v1/jobs").status_code == 404
    posted = ask("/metrics", "POST")
    assert posted.status_code == 501
    assert "<" not in posted.text


def test_nobody_elsewhere_reaches_it(server):
    """Where it listens on one address, another one of the same machine refuses."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.server_address[1]), timeout=30)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_it_is_opened_by_its_address(host):
    try:
        server = Server(host, 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        socket.create_connection(("127.0.0.2", server.server_address[1]), timeout=30).close()


def test_clients_that_say_nothing_give_way(server, ask):
    server.watchdog = port.Watchdog(120.0)
    with ExitStack() as stack:
        silent = []
        for number in range(port.MOST_AT_ONCE):
            silent.append(stack.enter_context(socket.create_connection(server.server_address, timeout=30)))
            silent[-1].sendall(b"GET /livez HTTP/1.1\r\nHost:"[: 9 * (number % 3)])
        wait_for(lambda: server._free._value == 0)
        assert ask("/livez").status_code == 200
        assert silent[0].recv(1) == b""
    server.watchdog.close()


def test_a_client_that_says_nothing_is_let_go(server):
    server.watchdog = port.Watchdog(0.1)
    with socket.create_connection(server.server_address, timeout=30) as silent:
        silent.sendall(b"GET /livez HTTP/1.1\r\nHost:")
        assert silent.recv(1) == b""
        # Its thread is free again.
        wait_for(lambda: server._free._value == port.MOST_AT_ONCE)


def test_clients_that_are_being_answered_push_nobody_out_and_more_are_turned_away(server, ask, monkeypatch):
    goes_on = threading.Event()
    monkeypatch.setattr(port, "probe", lambda path: goes_on.wait(20) and None)
    with ExitStack() as stack:
        asking = [
            stack.enter_context(socket.create_connection(server.server_address, timeout=30))
            for _ in range(port.MOST_AT_ONCE)
        ]
        for each in asking:
            each.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        wait_for(lambda: server._free._value == 0 and not server._silent)
        more = stack.enter_context(socket.create_connection(server.server_address, timeout=30))
        assert more.recv(1) == b""  # closed at once
        goes_on.set()
        assert {each.recv(12) for each in asking} == {b"HTTP/1.0 404"}


def test_a_client_for_whom_no_thread_can_be_had_takes_no_place(server, ask, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("socketserver.threading.Thread", no_thread)
        for _ in range(port.MOST_AT_ONCE + 1):
            with socket.create_connection(server.server_address, timeout=30) as refused:
                assert refused.recv(1) == b""
    assert ask("/livez").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", ["abc", "", "1.0.0.0.0", "-1"])
def test_a_version_that_is_none_is_answered_in_a_format_that_is_one(ask, version):
    answer = ask("/metrics", Accept=f"application/openmetrics-text; version={version}")
    assert answer.status_code == 200
    assert "retail_pulse_database_up 1.0" in answer.text


def test_a_port_that_is_taken_is_waited_for_and_said_so_once(settings, monkeypatch, caplog):
    monkeypatch.setattr(port, "RETRY_SECONDS", 0.01)
    caplog.set_level(logging.INFO, logger=port.__name__)
    with socket.create_server((HOST, 0)) as taken:
        settings.METRICS_PORT = taken.getsockname()[1]
        serve_metrics()
        wait_for(lambda: caplog.records)
    wait_for(lambda: len(caplog.records) == 2)
    refused, served = caplog.records
    assert refused.message == "no metrics yet: the port is taken"
    assert "METRICS_PORT of its own" in refused.cure
    assert served.at == f"{HOST} port {settings.METRICS_PORT}"


@pytest.mark.parametrize("host", ["192.0.2.1", "::2"])
def test_an_address_that_is_none_of_this_machine_is_called_so(settings, monkeypatch, caplog, host):
    monkeypatch.setattr(port, "sleep", sys.exit)
    settings.METRICS_PORT, settings.METRICS_HOST = 9464, host
    with suppress(SystemExit):
        port._serve()
    (refused,) = caplog.records
    assert refused.message == "no metrics yet: the port cannot be had"
    assert "METRICS_HOST" in refused.cure
