"""A download ends in time, whatever the server does."""

import socket
import threading
import time
from math import inf

import pytest

from jobs import errors
from jobs.imaging.deadline import Watchdog
from jobs.imaging.types import Evidence
from proofs.world.fault_server import closing, dripping, response, silent
from tests.factories import no_thread
from tests.waiting import wait_for

HEADER = response(length=False)
DEADLINE = 0.6


def test_silence_until_the_deadline_ends_as_deadline(make_fetcher, server, evidence):
    with pytest.raises(errors.DeadlineExceeded):
        make_fetcher(deadline_seconds=0.3).fetch(server.at("/", silent()), evidence)


def test_all_redirects_share_one_deadline(make_fetcher, server, evidence):
    def slow_redirect(stage):
        stage.pause(0.2)
        stage.send(response(b"", "302 Found", "Location: /"))

    fetcher = make_fetcher(deadline_seconds=0.7, max_redirects=20)
    with pytest.raises(errors.DeadlineExceeded):
        fetcher.fetch(server.at("/", slow_redirect), evidence)
    assert 2 <= len(evidence.redirects) <= 4


def test_a_body_cut_off_by_the_watchdog_is_not_taken_for_complete(make_fetcher, server, evidence):
    # A JPEG reader would not notice: this body has no declared length, and a closed socket looks like its end.
    fetcher = make_fetcher(deadline_seconds=0.3)
    with pytest.raises(errors.DeadlineExceeded):
        fetcher.fetch(server.at("/", silent(HEADER + b"x" * 100)), evidence)


def test_the_connections_of_other_downloads_survive_a_cut(make_fetcher, server, evidence):
    fetcher = make_fetcher(deadline_seconds=0.4)
    with pytest.raises(errors.DeadlineExceeded):
        fetcher.fetch(server.at("/slow", dripping(HEADER, b"x")), evidence)
    for _ in range(3):
        with fetcher.fetch(server.at("/good", response(b"good")), evidence) as download:
            assert download.file.read() == b"good"
    assert server.connections == 2


def test_a_finished_download_leaves_nothing_to_cut(make_fetcher, server, evidence):
    fetcher = make_fetcher(deadline_seconds=0.2)
    url = server.at("/", response(b"good"))
    fetcher.fetch(url, evidence).file.close()
    finished = fetcher._session()._connector.deadline
    wait_for(lambda: finished.expired)
    with fetcher._watchdog.deadline() as later:  # the watchdog runs once more
        wait_for(lambda: later not in fetcher._watchdog._running)
    fetcher.fetch(url, evidence).file.close()
    assert server.connections == 1


def test_the_watchdog_wakes_for_a_deadline_after_an_idle_time(make_fetcher, server):
    fetcher = make_fetcher(deadline_seconds=0.2)
    url = server.at("/", dripping(HEADER, b"x"))
    for _ in range(2):
        with pytest.raises(errors.DeadlineExceeded):
            fetcher.fetch(url, Evidence())
        wait_for(lambda: fetcher._watchdog._wakes_at == inf)


def test_many_downloads_end_at_their_own_deadlines(make_fetcher, server):
    fetcher = make_fetcher(deadline_seconds=0.5)
    url = server.at("/", dripping(HEADER, b"x"))
    took: list[float] = []

    def download():
        started = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            fetcher.fetch(url, Evidence())
        took.append(time.monotonic() - started)

    threads = [threading.Thread(target=download) for _ in range(16)]
    for n, thread in enumerate(threads):
        thread.start()
        if n % 4 == 3:
            time.sleep(0.05)
    for thread in threads:
        thread.join(60)
    assert len(took) == 16
    assert max(took) < 30


def test_a_socket_met_after_the_deadline_is_cut_at_once(server):
    watchdog = Watchdog(0.05)
    with watchdog.deadline() as deadline, socket.create_connection(("127.0.0.1", server.port), 2) as sock:
        wait_for(lambda: deadline.expired)
        deadline.watch(sock)
        assert sock.recv(1) == b""
    watchdog.close()


def test_closing_cuts_the_downloads_that_are_running(make_fetcher, server):
    fetcher = make_fetcher(deadline_seconds=30)
    url = server.at("/", silent())
    ended = []

    def download():
        with pytest.raises(errors.DeadlineExceeded):
            fetcher.fetch(url, Evidence())
        ended.append(True)

    thread = threading.Thread(target=download)
    thread.start()
    wait_for(lambda: server.connections == 1)
    fetcher.close()
    thread.join(30)
    assert ended == [True]


def test_after_closing_no_download_begins(make_fetcher, server):
    fetcher = make_fetcher(deadline_seconds=30)
    fetcher.close()
    with pytest.raises(errors.DeadlineExceeded):
        fetcher.fetch(server.at("/", response(b"good")), Evidence())


def test_closing_ends_the_watchdogs_thread():
    watchdog = Watchdog(60)
    with watchdog.deadline():
        wait_for(lambda: watchdog._wakes_at < inf)
        thread = watchdog._thread
        assert thread is not None
        assert thread.is_alive()
    watchdog.close()
    thread.join(30)
    assert not thread.is_alive()


def test_a_connection_closed_before_the_deadline_is_not_a_deadline(fetch, server):
    assert fetch(server.at("/", closing(response(b"fine")))) == b"fine"


def test_a_thread_that_cannot_be_had_is_asked_for_again(monkeypatch):
    watchdog = Watchdog(0.05)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError), watchdog.deadline():
            pass
    ours, theirs = socket.socketpair()
    with ours, theirs, watchdog.deadline() as again:
        again.watch(ours)
        ours.settimeout(30)
        assert ours.recv(1) == b""
    assert not watchdog._running
    watchdog.close()
