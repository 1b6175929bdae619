"""Does HttpStep get an answer from a server, and tell a server that is away from an image that it cannot compute?"""

import io
import json
import socket
import threading
import time

import pytest
from django.core.exceptions import ImproperlyConfigured

from jobs.imaging.batch import ModelAway
from jobs.imaging.gpu import MOST_ANSWER_BYTES, check_answer, load_steps
from jobs.imaging.sample import sample_file
from jobs.imaging.steps import HttpStep, remote
from jobs.imaging.steps.remote import RemoteFailed
from jobs.imaging.types import Measurement
from proofs.world.authority import Authority
from tests.jobs.imaging.steps.conftest import MEASUREMENT, Drips, Drops, Hangs, ModelServer, Reply, photo

ANSWER = {"boxes": [[1, 2, 3, 4]], "model": "shelves", "version": "7"}


@pytest.fixture
def make_step(settings, model_server):
    def make(path="/predict", seconds=10, url=None) -> HttpStep:
        settings.GPU_URL = url or model_server.url + path
        settings.GPU_STEP_SECONDS = seconds
        settings.WORKER_THREADS = 8
        return HttpStep()

    return make


def replying(*replies):
    """Each reply once, the last one from then on; an exception is raised."""
    left = list(replies)

    def answer(_):
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Reply):
            return reply
        raise reply

    return answer


def unless_sample(reply):
    """A server that answers for the sample, and otherwise so."""

    def answer(asked):
        if asked.body == sample_file():
            return Reply()
        if isinstance(reply, Reply):
            return reply
        raise reply

    return answer


def test_the_server_gets_the_photo_and_its_answer_is_kept(make_step, model_server):
    model_server.answer = lambda _: Reply(json.dumps(ANSWER).encode())
    file = photo()
    file.read()
    answer = make_step("/predict?model=shelves").infer(file, MEASUREMENT)
    assert answer == ANSWER
    check_answer(answer)
    (asked,) = model_server.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/predict?model=shelves", file.getvalue())
    assert asked.headers["Content-Type"] == "image/jpeg"
    assert asked.headers["Content-Length"] == str(len(file.getvalue()))


@pytest.mark.parametrize(
    ("format_", "kind"), [("PNG", "image/png"), ("MPO", "image/mpo"), ("", "application/octet-stream")]
)
def test_the_media_type_is_that_of_the_format(make_step, model_server, format_, kind):
    make_step().infer(photo(), Measurement(1, 1, format_))
    assert model_server.asked[0].headers["Content-Type"] == kind


def test_one_connection_serves_one_image_after_another(make_step, model_server):
    step = make_step()
    for _ in range(5):
        step.infer(photo(), MEASUREMENT)
    assert len({asked.connection for asked in model_server.asked}) == 1


def test_many_slots_ask_at_once(make_step, model_server):
    together = threading.Barrier(8, timeout=30)

    def answer(_):
        together.wait()
        return Reply()

    model_server.answer = answer
    step = make_step(seconds=60)
    threads = [threading.Thread(target=step.infer, args=(photo(), MEASUREMENT)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(model_server.asked) == 8


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_cannot_answer_now_is_away(make_step, model_server, status):
    model_server.answer = lambda _: Reply(status=status)
    with pytest.raises(ModelAway, match=f"HTTP {status}"):
        make_step().infer(photo(), MEASUREMENT)
    assert len(model_server.asked) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 404, 413, 422, 500])
def test_any_other_status_is_a_failure_and_a_redirect_is_not_followed(make_step, model_server, status):
    model_server.answer = lambda _: Reply(b"secret", status, {"Location": "/elsewhere"})
    with pytest.raises(RemoteFailed, match=f"HTTP {status}") as failure:
        make_step().infer(photo(), MEASUREMENT)
    assert "secret" not in str(failure.value)
    assert len(model_server.asked) == 1


def test_nobody_listens(make_step, model_server):
    with pytest.raises(ModelAway, match="cannot be reached"):
        make_step(url="http://127.0.0.1:1/predict").infer(photo(), MEASUREMENT)


def test_no_such_host(make_step):
    with pytest.raises(ModelAway, match="cannot be reached"):
        make_step(url="http://models.invalid/predict").infer(photo(), MEASUREMENT)


def test_what_speaks_no_tls_is_away(make_step, model_server):
    with pytest.raises(ModelAway, match="cannot be reached"):
        make_step(url=model_server.url.replace("http:", "https:")).infer(photo(), MEASUREMENT)


@pytest.mark.parametrize("silence", [Hangs(), Drips()])
def test_a_server_that_never_answers_is_away(make_step, model_server, silence):
    model_server.answer = replying(silence)
    with pytest.raises(ModelAway, match=r"no answer within 0\.2 s"):
        make_step(seconds=0.2).infer(photo(), MEASUREMENT)


@pytest.mark.parametrize("silence", [Hangs(), Drips(), Drops()])
def test_an_image_without_an_answer_is_to_blame_where_the_sample_has_one(make_step, model_server, silence):
    model_server.answer = unless_sample(silence)
    # The sample must be answered within the same time, also on a busy machine.
    with pytest.raises(RemoteFailed, match="It answered for another image"):
        make_step(seconds=2).infer(photo(), MEASUREMENT)


def test_a_refusal_of_the_sample_also_shows_that_the_server_is_there(make_step, model_server):
    model_server.answer = replying(Drops(), Drops(), Reply(status=400))
    with pytest.raises(RemoteFailed, match="It answered for another image"):
        make_step().infer(photo(), MEASUREMENT)


def test_only_one_slot_asks_for_the_sample(make_step, model_server):
    step = make_step()
    model_server.answer = replying(Drops())
    step._remote._is_asking_for_the_sample.acquire()
    with pytest.raises(ModelAway):
        step.infer(photo(), MEASUREMENT)
    assert sample_file() not in {asked.body for asked in model_server.asked}


def test_a_connection_that_ends_before_the_answer_is_tried_once_more(make_step, model_server):
    model_server.answer = replying(Drops(), Reply(b'{"second": true}'))
    file = photo()
    assert make_step().infer(file, MEASUREMENT) == {"second": True}
    assert [asked.body for asked in model_server.asked] == [file.getvalue()] * 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": ', "not JSON"),
        (b"\xff\xfe\xfd", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "no object"),
        (b"null", "no object"),
    ],
)
def test_an_answer_that_is_no_json_object_is_a_failure(make_step, model_server, body, reason):
    model_server.answer = lambda _: Reply(body)
    with pytest.raises(RemoteFailed, match=reason):
        make_step().infer(photo(), MEASUREMENT)


def test_an_answer_is_bounded_on_both_sides(make_step, model_server):
    step = make_step()

    def sized(size):
        return Reply(b'{"a": "' + b"x" * (size - 9) + b'"}')

    model_server.answer = lambda _: sized(MOST_ANSWER_BYTES)
    assert len(step.infer(photo(), MEASUREMENT)["a"]) == MOST_ANSWER_BYTES - 9
    model_server.answer = lambda _: sized(MOST_ANSWER_BYTES + 1)
    with pytest.raises(RemoteFailed, match="more than 131,072 bytes"):
        step.infer(photo(), MEASUREMENT)
    # What was left of the answer is not taken for the next one.
    model_server.answer = lambda _: Reply(b'{"next": 1}')
    assert step.infer(photo(), MEASUREMENT) == {"next": 1}


def test_an_answer_that_is_shorter_than_announced_is_none(make_step, model_server):
    model_server.answer = unless_sample(Reply(b'{"a": 1}', headers={"Content-Length": "100", "Connection": "close"}))
    with pytest.raises(RemoteFailed, match="ended the connection"):
        make_step(seconds=5).infer(photo(), MEASUREMENT)


def test_a_compressed_answer_is_refused(make_step, model_server):
    model_server.answer = lambda _: Reply(headers={"Content-Encoding": "gzip"})
    with pytest.raises(RemoteFailed, match="compressed"):
        make_step().infer(photo(), MEASUREMENT)
    assert model_server.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_password_in_the_address_is_sent_and_those_of_the_environment_are_not(make_step, model_server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    make_step(url=model_server.url.replace("//", "//user:p%40ss@")).infer(photo(), MEASUREMENT)
    assert model_server.asked[0].headers["authorization"] == "Basic dXNlcjpwQHNz"
    make_step().infer(photo(), MEASUREMENT)
    assert "authorization" not in model_server.asked[1].headers


@pytest.mark.parametrize(
    "url", ["", "models.internal/predict", "ftp://host/", "http://", "http://host:0/", "http://host:x/", "http://h/a b"]
)
def test_an_address_that_is_none_ends_the_start(settings, url):
    settings.GPU_URL, settings.GPU_STEP = url, "jobs.imaging.steps.HttpStep"
    with pytest.raises(ImproperlyConfigured, match="GPU_URL: allowed is"):
        load_steps()


def test_the_error_of_an_address_does_not_repeat_its_password(settings):
    settings.GPU_URL = "http://user:secret@host:99999/"
    with pytest.raises(ImproperlyConfigured) as error:
        HttpStep()
    assert "secret" not in str(error.value)


def test_a_body_that_is_not_read_holds_no_slot_longer_than_the_limit(make_step, model_server):
    """The socket's buffers are full, and the server neither reads nor ends the connection."""
    step = make_step(seconds=0.5)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stuck = make_step(url=f"http://127.0.0.1:{deaf.getsockname()[1]}/", seconds=0.5)
        with pytest.raises(ModelAway, match="no answer within"):
            stuck.infer(io.BytesIO(bytes(20_000_000)), MEASUREMENT)
    assert step.infer(photo(), MEASUREMENT) == {}
    assert len(model_server.asked) == 1


def test_a_server_that_reads_slowly_has_the_whole_time_and_not_only_that_of_connecting(make_step, monkeypatch):
    monkeypatch.setattr(remote, "CONNECT_SECONDS", 0.2)
    size = 20_000_000

    def read_after_a_while():
        connection, _ = listening.accept()
        with connection:
            # Longer than the time to connect, of which a busy machine makes no less.
            time.sleep(1)
            request = connection.makefile("rb")
            while request.readline() != b"\r\n":
                pass
            request.read(size)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=read_after_a_while, daemon=True)
        thread.start()
        step = make_step(url=f"http://127.0.0.1:{listening.getsockname()[1]}/", seconds=60)
        assert step.infer(io.BytesIO(bytes(size)), MEASUREMENT) == {}
        thread.join(30)


def test_a_server_with_tls_is_trusted_by_the_file_of_the_environment_and_no_other(make_step, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    with ModelServer(authority.server_context("127.0.0.1")) as server:
        with pytest.raises(ModelAway, match="cannot be reached"):
            make_step(url=server.url).infer(photo(), MEASUREMENT)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        step = make_step(url=server.url)
        for _ in range(2):
            assert step.infer(photo(), MEASUREMENT) == {}
        assert len({asked.connection for asked in server.asked}) == 1
    with ModelServer(authority.server_context("models.internal")) as server:
        with pytest.raises(ModelAway, match="cannot be reached"):
            make_step(url=server.url).infer(photo(), MEASUREMENT)
        assert server.asked == []
