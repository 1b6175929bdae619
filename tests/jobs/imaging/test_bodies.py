"""Which bodies are downloaded completely, and what an incomplete one results in."""

import io

import pytest

from jobs import errors
from jobs.imaging import body
from jobs.imaging import fetch as fetching
from jobs.imaging.types import Evidence
from proofs.world.fault_server import chunked, closing, dripping, response, silent

BODY = bytes(range(256)) * 4
OPEN_END = response(length=False)  # the header of a response whose end is the end of the connection


@pytest.mark.parametrize(
    ("answer", "framed"),
    [
        pytest.param(response(BODY), True, id="declared length"),
        pytest.param(chunked(BODY[:100], BODY[100:]), True, id="chunks"),
        pytest.param(closing(OPEN_END + BODY), False, id="until the connection ends"),
        pytest.param(closing(response(BODY, "200 OK", "Connection: close")), True, id="declared and closed"),
        pytest.param(response(b""), True, id="empty"),
    ],
)
def test_a_body_arrives_completely_and_it_is_known_whether_http_proves_it(fetcher, server, evidence, answer, framed):
    with fetcher.fetch(server.at("/", answer), evidence) as download:
        assert download.file.read() in (BODY, b"")
        assert download.framed is framed
        assert evidence.bytes == download.file.tell()
        assert evidence.http_status == 200


def test_bytes_after_the_body_are_ignored_and_do_no_harm(fetch, server):
    url = server.at("/extra", response(BODY) + response(b"smuggled"))
    assert fetch(url) == BODY
    assert fetch(server.at("/next", response(b"next"))) == b"next"


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param(response, id="declared length"),
        pytest.param(chunked, id="chunks"),
        pytest.param(lambda body: closing(OPEN_END + body), id="until the connection ends"),
    ],
)
def test_the_largest_size_passes_and_one_byte_more_is_too_large(make_fetcher, server, framing):
    fetcher = make_fetcher(max_bytes=1000)
    with fetcher.fetch(server.at("/fits", framing(b"x" * 1000)), Evidence()) as download:
        assert len(download.file.read()) == 1000
    with pytest.raises(errors.TooLarge, match=r"larger than 1,000 bytes"):
        fetcher.fetch(server.at("/more", framing(b"x" * 1001)), Evidence())


@pytest.mark.parametrize("length", ["100001", "9" * 400])
def test_a_declared_length_over_the_limit_is_refused_before_reading(fetch, server, evidence, length):
    with pytest.raises(errors.TooLarge):
        fetch(server.at("/", silent(response(b"", "200 OK", f"Content-Length: {length}", length=False))))
    assert evidence.bytes == 0


@pytest.mark.parametrize(
    "header", ["Content-Length: 5", "Content-Length: 5 ", "Content-Length: 5\r\nContent-Length: 5"]
)
def test_a_length_may_be_padded_or_repeated(fetch, server, header):
    assert fetch(server.at("/", response(b"12345", "200 OK", header, length=False))) == b"12345"


def test_downloads_share_the_memory_and_what_exceeds_it_goes_to_disk(make_fetcher, server, evidence):
    fetcher = make_fetcher(memory_bytes=1000)
    url = server.at("/", response(b"x" * 600))
    with fetcher.fetch(url, evidence) as first, fetcher.fetch(url, evidence) as second:
        assert [is_on_disk(download) for download in (first, second)] == [False, True]
        assert first.file.read() == second.file.read() == b"x" * 600
    assert [first.file.closed, second.file.closed] == [True, True]
    for size, on_disk in ((1000, False), (1001, True)):
        with fetcher.fetch(server.at("/", response(b"x" * size)), evidence) as download:
            assert is_on_disk(download) is on_disk
            assert download.file.read() == b"x" * size


def test_a_download_of_unknown_length_goes_to_disk_when_memory_runs_out(make_fetcher, server, evidence):
    fetcher = make_fetcher(memory_bytes=body.STEP_BYTES + 1000, max_bytes=10**6)
    for size, on_disk in ((1000, False), (body.STEP_BYTES + 2000, True), (1000, False)):
        with fetcher.fetch(server.at("/", closing(OPEN_END + b"x" * size)), evidence) as download:
            assert is_on_disk(download) is on_disk
            assert download.file.read() == b"x" * size


def is_on_disk(download) -> bool:
    return not isinstance(download.file, io.BytesIO)


@pytest.mark.parametrize("memory_bytes", [1000, 0])
def test_a_failed_download_frees_its_file_and_its_memory_at_once(
    make_fetcher, server, evidence, monkeypatch, memory_bytes
):
    bodies = []
    monkeypatch.setattr(fetching, "Body", lambda *options: bodies.append(body.Body(*options)) or bodies[-1])
    fetcher = make_fetcher(memory_bytes=memory_bytes)
    for _ in range(2):
        with pytest.raises(errors.Truncated):
            fetcher.fetch(server.at("/", closing(response(b"x" * 1000)[:-1])), evidence)
    assert [(each.file.closed, is_on_disk(each)) for each in bodies] == [(True, memory_bytes == 0)] * 2
    assert fetcher._budget.take(memory_bytes)


def test_a_complete_body_is_not_waited_on(fetch, server):
    # The declared length decides what is complete, while this server goes on sending.
    assert fetch(server.at("/", dripping(response(b"abc"), b"x"))) == b"abc"
