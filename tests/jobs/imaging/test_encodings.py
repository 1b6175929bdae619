"""Content-Encoding: which values name a coding, and what becomes of the body."""

import pytest

from jobs import errors
from jobs.imaging.fetch import CODINGS
from proofs.world.fault_server import response, silent

BODY = bytes(range(256)) * 4


def encoded(*values: str) -> list[str]:
    return [f"Content-Encoding:{value}" for value in values]


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_a_coded_body_is_refused_unread_and_its_coding_named(fetch, server, evidence, coding):
    answer = silent(response(b"", "200 OK", *encoded(f" {coding}"), length=False))
    with pytest.raises(errors.ContentEncoding) as caught:
        fetch(server.at("/", answer))
    assert evidence.bytes == 0
    assert str(caught.value) == (
        f"The server compressed the image although it was asked not to (Content-Encoding: {coding})."
    )


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["GZIP "], "GZIP"),
        ([" gzip, gzip"], "gzip, gzip"),
        (["gzip,"], "gzip,"),
        (["identity", "gzip"], "identity, gzip"),
        (["UTF-8", "", "Br"], "UTF-8, , Br"),
        (["gzip;q=1.0"], "gzip;q=1.0"),
        (["gzip ; q=1.0"], "gzip ; q=1.0"),
        (["\tdeflate\t"], "deflate"),
        (["gzip, \x00\x1b[31m\x7f"], r"gzip, \x00\x1b[31m\x7f"),
        (["gzip, <script>alert(1)</script>"], "gzip, <script>alert(1)</script>"),
        ([", ".join(["gzip"] * 50)], "gzip, " * 16 + "gzi…"),
        (["gzip, " + "\x01" * 60_000], "gzip, " + r"\x01" * 23 + r"\…"),
    ],
)
def test_the_header_of_a_refused_body_is_shown_as_sent_escaped_and_cut(fetch, server, evidence, values, shown):
    answer = silent(response(b"", "200 OK", *encoded(*values), length=False))
    with pytest.raises(errors.ContentEncoding) as caught:
        fetch(server.at("/", answer))
    assert evidence.bytes == 0
    assert str(caught.value).endswith(f"(Content-Encoding: {shown}).")
    assert len(str(caught.value)) <= 200
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "values",
    [
        ["identity"], [" Identity "], [""], [" "], [","], ["identity, identity"], ["identity", "identity"],
        ["UTF-8"], ["utf8"], ["ISO-8859-1"], ["windows-1252"], ["us-ascii"], ["identity, UTF-8"], ["UTF-8", "none"],
        ["none"], ["None"], ["null"], ["binary"], ["8bit"], ["base64"], ["raw"], ["off"], ["false"], ["*"], ["0"],
        ["image/jpeg"], ["application/octet-stream"], ["image/jpeg; charset=binary"], ["jpeg"], ["JPG"], ["text"],
        ["aws-chunked"], ["chunked"], ["en"], ["bogus"], ["gzipped"], ["no-gzip"], ["x" * 60_000], ["\x00\xff"],
        ['"gzip'], ["application/gzip"],
    ],
)  # fmt: skip
def test_where_no_coding_is_named_the_bytes_are_as_they_are(fetcher, server, evidence, values):
    with fetcher.fetch(server.at("/", response(BODY, "200 OK", *encoded(*values))), evidence) as download:
        assert download.file.read() == BODY
        assert download.framed
