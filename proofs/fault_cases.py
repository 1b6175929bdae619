"""Every way in which an image server, or the connection to it, can misbehave, and the result that each must have.

The rows: C1 connections, C2 names, C3 framed bodies cut short, C4 unframed ones, C5 drips, C6 silence, C7 bodies
without end, C8 headers without end, C9 interim answers, C10 redirects, C11 other successes, C12 refusals, C13 not
HTTP, C14 content, C15 encodings, C16 lengths, C17 TLS, C18 more than was requested, C19 forbidden addresses.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Literal

from proofs.pictures import encoded
from proofs.world.fault_server import (
    Behaviour,
    breaking_tls,
    chunked,
    closing,
    dripping,
    endless,
    resetting,
    response,
    silent,
)
from proofs.world.fault_world import JPEG, SIZE, FaultWorld

# What ends a case: something that arrives, the timeout of one read, or the deadline of the whole download.
type Until = Literal["answer", "silence", "deadline"]
# What the plain server answers, or a function that sets up another URL.
type Answer = bytes | Behaviour
type Way = Callable[[FaultWorld], str]

# How many attempts a failure gets where MAX_ATTEMPTS is 3.
MAX_ATTEMPTS = 3
FINAL, ONCE_MORE, AGAIN = 1, 2, 3

HEADER = response(length=False)  # of a body that ends with the connection
CHUNKS = chunked(end=b"")  # the header of a body in chunks
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 5\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One misbehaviour. `code` is None where the image is measured nevertheless."""

    row: str
    name: str
    way: Way
    code: str | None
    attempts: int
    until: Until = "answer"
    retry_after: float | None = None
    """Seconds to wait, where the server asks for it in a readable way."""

    @property
    def title(self) -> str:
        return f"{self.row} {self.name}"


def cases() -> Iterator[Case]:
    """All of them; their dates are relative to now."""
    yield from _ways("C1", "connection", AGAIN, {
        "connection refused": FaultWorld.refusing,
        "reset at once": _greeted(resetting()),
        "closed at once": _greeted(closing(b"")),
    })  # fmt: skip
    yield from _answers("C1", "connection", AGAIN, {
        "closed without an answer": closing(b""),
        "reset without an answer": resetting(),
        "reset in the header": resetting(b"HTTP/1.1 200 OK\r\nX: "),
    })  # fmt: skip
    yield from _ways("C1", "connection", AGAIN, {"never accepted": FaultWorld.never_accepting}, "silence")

    yield from _ways("C2", "dns_not_found", ONCE_MORE, {"no such name": _at(JPEG, "nowhere.example")})
    yield from _ways("C2", "dns_timeout", AGAIN, {"name servers overloaded": _at(JPEG, "overloaded.example")})
    yield from _ways("C2", "dns_timeout", AGAIN, {"name servers silent": _at(JPEG, "silent.example")}, "silence")

    yield from _answers("C3", "truncated", AGAIN, {
        "declared length, a byte missing": closing(response(JPEG)[:-1]),
        "declared length, nothing came": closing(response(JPEG)[: -len(JPEG)]),
        "declared length, reset half-way": resetting(response(JPEG)[:-2000]),
        "a chunk cut short": closing(chunked(JPEG)[:-2000]),
        "no last chunk": closing(chunked(JPEG, end=b"")),
        "reset between chunks": resetting(chunked(JPEG, end=b"")),
    })  # fmt: skip
    yield from _answers("C3", "protocol", ONCE_MORE, {
        "a chunk of no size": closing(chunked(JPEG, end=b"zz\r\n")),
        "a chunk of negative size": closing(chunked(JPEG, end=b"-5\r\n")),
        "a chunk line of 70 kB": closing(CHUNKS + b"1" * 70_000),
    })  # fmt: skip

    for format_ in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"):
        data = encoded(format_, size=SIZE, mode="P" if format_ == "GIF" else "RGB")
        yield from _answers("C4", "truncated", AGAIN, {
            f"half a {format_}": closing(HEADER + data[: len(data) // 2]),
        })  # fmt: skip
    yield from _answers("C4", "truncated", AGAIN, {
        "nothing but a header": closing(HEADER),
        "a JPEG without its last two bytes": closing(HEADER + JPEG[:-2]),
    })  # fmt: skip

    yield from _answers("C5", "deadline", AGAIN, {
        "status line and header, byte by byte": dripping(b"", HEADER),
        "one header line for ever": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        "the header of an error": dripping(response(b"", "404 Not Found", length=False)[:-2], b"X"),
        "an unframed body": dripping(HEADER + JPEG, b"x"),
        "a body of declared length": dripping(_length("20000000") + JPEG, b"x"),
        "chunks": dripping(CHUNKS, b"1\r\nx\r\n"),
        "one chunk": dripping(CHUNKS + b"fffff\r\n", b"x"),
        "trailers": dripping(chunked(JPEG, end=b"0\r\n"), b"X: y\r\n"),
        "a redirect's header": dripping(b"HTTP/1.1 302 Found\r\nLocation: /", b"y"),
    }, "deadline")  # fmt: skip
    yield from _ways("C5", "deadline", AGAIN, {"a body over TLS": _over_tls(dripping(HEADER, b"x"))}, "deadline")

    yield from _answers("C6", "read_timeout", AGAIN, {
        "after the request": silent(),
        "in the status line": silent(b"HTTP/1."),
        "in the header": silent(b"HTTP/1.1 200 OK\r\n"),
        "after the header": silent(HEADER),
        "in an unframed body": silent(HEADER + JPEG[:-1000]),
        "in a body of declared length": silent(response(JPEG)[:-1000]),
        "between chunks": silent(chunked(JPEG, end=b"")),
        "after 100 Continue": silent(CONTINUE),
    }, "silence")  # fmt: skip
    yield from _ways("C6", "read_timeout", AGAIN, {"over TLS": _over_tls(silent(HEADER))}, "silence")

    yield from _answers("C7", "too_large", FINAL, {
        "an endless unframed body": endless(HEADER, b"x" * 2**16),
        "endless chunks": endless(CHUNKS, b"ffff\r\n%b\r\n" % (b"x" * 0xFFFF)),
        "one chunk of a terabyte": endless(CHUNKS + b"ffffffffff\r\n", b"x" * 2**16),
    })  # fmt: skip
    yield from _answers("C7", "deadline", AGAIN, {
        "endless chunks of one byte": endless(CHUNKS, b"1\r\nx\r\n" * 100),
        "endless trailers": endless(chunked(JPEG, end=b"0\r\n"), b"X: y\r\n" * 100),
    }, "deadline")  # fmt: skip

    yield from _answers("C8", "protocol", ONCE_MORE, {
        "a line of 200 kB": closing(response(b"", "200 OK", f"X: {'y' * 200_000}")),
        "90 cookies of 60 kB": closing(response(JPEG, "200 OK", *[f"Set-Cookie: {'a=b; ' * 12_000}"] * 90)),
        "101 lines": closing(response(b"", "200 OK", *["X: y"] * 101)),
        "endless lines": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 50),
        "an endless line": endless(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000),
        "an endless status line": endless(b"HTTP/1.1 200 ", b"x" * 1000),
    })  # fmt: skip

    yield from _answers("C9", "deadline", AGAIN, {"endless 100 Continue": endless(b"", CONTINUE)}, "deadline")
    yield from _answers("C9", "connection", AGAIN, {"103 and nothing more": closing(EARLY_HINTS)})
    yield from _answers("C9", "http_101", FINAL, {
        "101, another protocol": closing(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + JPEG),
    })  # fmt: skip
    yield from _answers("C9", None, FINAL, {
        "100, then 200": CONTINUE + response(JPEG),
        "103, then 200": EARLY_HINTS + response(JPEG),
        "100, 102 and 103 twice, then 200": CONTINUE + PROCESSING + EARLY_HINTS * 2 + response(JPEG),
    })  # fmt: skip

    yield from _redirects()

    yield from _statuses("C11", FINAL, 201, 202, 203, 204, 205, 206, 300, 304, 305, 306)
    yield from _statuses("C12", FINAL, 400, 401, 403, 404, 405, 406, 410, 414, 418, 451, 501, 505, 511)
    yield from _statuses("C12", AGAIN, 408, 425, 429, 500, 502, 503, 504)
    yield from _asking_to_wait()

    yield from _answers("C13", "protocol", ONCE_MORE, {
        "a status of six digits": closing(b"HTTP/1.1 999999 Odd\r\n\r\n"),
        "no status": closing(b"HTTP/1.1 OK\r\n\r\n"),
        "another version": closing(b"HTTP/2.0 200 OK\r\n\r\n"),
        "HTTP/0.9": closing(b"<html>hello</html>"),
        "garbage": closing(bytes(range(256)) * 10),
        "a mail server": closing(b"220 mail.example ESMTP\r\n"),
        "a JPEG without HTTP": closing(JPEG),
    })  # fmt: skip
    yield from _statuses("C13", FINAL, 999, 599)
    yield from _ways("C13", "protocol", ONCE_MORE, {"a shell server": _greeted(closing(b"SSH-2.0-OpenSSH_9.6\r\n"))})

    yield from _answers("C14", None, FINAL, {
        "a JPEG called text": response(JPEG, "200 OK", "Content-Type: text/html"),
        "a JPEG called PNG": response(JPEG, "200 OK", "Content-Type: image/png"),
        "a JPEG of no type": response(JPEG),
        "a content type of control characters": response(JPEG, "200 OK", "Content-Type: \x01\x7f\t;;;=\""),
    })  # fmt: skip
    yield from _answers("C14", "not_an_image", FINAL, {
        "a web page": response(b"<!DOCTYPE html><title>Sorry</title>", "200 OK", "Content-Type: text/html"),
        "a web page called JPEG": response(b"<html>Sorry</html>", "200 OK", "Content-Type: image/jpeg"),
        "an empty body": response(b""),
    })  # fmt: skip
    yield from _answers("C14", "corrupt_image", FINAL, {"half a JPEG, declared as all": response(JPEG[:-2000])})

    for encoding in ("gzip", "br", "zstd", "deflate", "GZIP ", "gzip, gzip", ", ".join(["gzip"] * 50), "utf-8, gzip,"):
        header = response(length=False).replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        yield from _answers("C15", "content_encoding", FINAL, {
            f"{encoding[:12]}, endless": endless(header, b"\x1f\x8b\x08" + bytes(9000)),
        })  # fmt: skip
    yield from _answers("C15", None, FINAL, {
        f"no coding: {value!r}": response(JPEG, "200 OK", f"Content-Encoding: {value}")
        for value in (
            "identity", "", "UTF-8", "iso-8859-1", "none", "binary", "image/jpeg", "identity, UTF-8", "x-odd",
            "identity\r\nContent-Encoding: utf8",
        )
    })  # fmt: skip

    for stated in ("-5", "+5", "five", "NaN", "1_0", "", "5, 6", "5\r\nContent-Length: 6", "0x5", "5.0", "\u0665"):
        yield from _answers("C16", "protocol", ONCE_MORE, {f"a length of {stated!r}": closing(_length(stated))})
    for stated in ("gzip, chunked", "gzip", "chunked\r\nTransfer-Encoding: gzip"):
        odd = response(JPEG, "200 OK", f"Transfer-Encoding: {stated}")
        yield from _answers("C16", "protocol", ONCE_MORE, {f"an encoding of {stated!r}": closing(odd)})
    for stated in ("chunked ", "Chunked", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked"):
        good = chunked(JPEG).replace(b"chunked", stated.encode(), 1)
        yield from _answers("C16", None, FINAL, {f"an encoding of {stated!r}": good})
        yield from _answers("C16", "truncated", AGAIN, {f"an encoding of {stated!r}, cut short": closing(good[:-2000])})
    yield from _answers("C16", "too_large", FINAL, {
        "a length of 100 GB": silent(_length("99999999999")),
        "a length of 400 digits": silent(_length("9" * 400)),
    })  # fmt: skip
    yield from _answers("C16", "truncated", AGAIN, {"a length of '5, 5', and nothing": closing(_length("5, 5"))})
    length = str(len(JPEG))
    yield from _answers("C16", None, FINAL, {
        "one length, twice": _length(*[length] * 2) + JPEG,
        "one length, twice in a line": _length(f"{length}, {length}") + JPEG,
        "a length behind a blank": response(JPEG).replace(b"Content-Length:", b"Content-Length :"),
        "a folded length": response(JPEG).replace(b"Content-Length:", b"Content-Length:\r\n\t"),
        "an encoding of identity": response(JPEG, "200 OK", "Transfer-Encoding: identity"),
        "no reason phrase": response(JPEG, "200"),
        "HTTP/1.0, kept": response(JPEG, "200 OK", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
        "trailers": chunked(JPEG, end=b"0\r\nexpires: never\r\n\r\n"),
    })  # fmt: skip

    yield from _ways("C17", "tls", ONCE_MORE, {
        **{
            f"certificate: {kind}": _over_tls(JPEG, kind)
            for kind in ("expired", "not yet valid", "other host", "self-signed", "unknown authority")
        },
        "TLS to a plain port": _greeted(closing(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "https"),
        "an alert for a greeting": _greeted(closing(b"\x15\x03\x01\x00\x02\x02\x50"), "https"),
        "a broken record in the body": _over_tls(breaking_tls(response(JPEG)[:-1000])),
    })  # fmt: skip
    yield from _ways("C17", None, FINAL, {"a good certificate": _over_tls(response(JPEG))})
    yield from _ways("C17", "truncated", AGAIN, {"a body cut short": _over_tls(closing(response(JPEG)[:-1000]))})
    yield from _ways("C17", "read_timeout", AGAIN, {"a silent handshake": _greeted(silent(), "https")}, "silence")
    yield from _ways("C17", "connection", AGAIN, {"plain to a TLS port": FaultWorld.plain_to_tls})

    yield from _answers("C18", None, FINAL, {
        "a second answer": response(JPEG) + response(b"smuggled"),
        "bytes behind the last chunk": chunked(JPEG) + b"x" * 100_000,
    })  # fmt: skip

    for host in ("10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "inside.example", "mixed.example"):
        yield from _ways("C19", "blocked", FINAL, {host: _at(JPEG, host)})


def urls(world: FaultWorld) -> dict[str, str]:
    """The URL of each case by its title, and that of the good image under "good"."""
    return {"good": world.good_url, **{case.title: case.way(world) for case in cases()}}


def _asking_to_wait() -> Iterator[Case]:
    now, quarter = datetime.now(UTC), timedelta(minutes=15)
    for name, header, seconds in (
        ("seconds", "7", 7),
        ("a day", "86400", 86_400),
        ("less than nothing", "-5", 0),
        ("a date to come", format_datetime(now + quarter, usegmt=True), quarter.total_seconds()),
        ("a date gone by", format_datetime(now - quarter, usegmt=True), 0),
        ("words", "soon", None),
        ("5,000 digits", "9" * 5000, None),
    ):
        answer = response(b"", "503 Busy", f"Retry-After: {header}")
        yield Case("C12", f"Retry-After in {name}", _at(answer), "http_503", AGAIN, "answer", seconds)


def _redirects() -> Iterator[Case]:
    yield from _ways("C10", "too_many_redirects", FINAL, {"6 hops": _chain(6), "30 hops": _chain(30)})
    yield from _ways("C10", None, FINAL, {"5 hops": _chain(5)})
    yield from _answers("C10", "too_many_redirects", FINAL, {"a loop": _redirect("#again")})
    yield from _answers("C10", "bad_redirect", FINAL, {
        "no Location": response(b"", "302 Found"),
        **{
            f"Location: {location}": _redirect(location)
            for location in (
                "", " ", "http://[::1", "http://a b/", "http://a\\b/", "\\\\a\\b", "//x:99999999/", "//a:b@x.example/",
                "/here\r\nLocation: /there",
            )
        },
    })  # fmt: skip
    yield from _answers("C10", "blocked", FINAL, {
        f"Location: {location}": _redirect(location)
        for location in (
            "file:///etc/passwd", "ftp://127.0.0.1/", "javascript:x", "http://10.0.0.1/", "http://169.254.169.254/latest/",
            "http://10.0.0.1/ ", "\thttp://10.0.0.1/a b", "/\t/10.0.0.1/", f"http://10.0.0.1/{'a' * 5000}",
            "http://10.0.0.1/\r\nLocation: http://10.0.0.1/",
        )
    })  # fmt: skip
    yield from _answers("C10", "http_404", FINAL, {
        "Location in UTF-8": response(b"", "302 Found", "Location: /gr\u00fcn/\u65e5\u672c.jpg"),
        "Location with blanks": _redirect("/a good photo.jpg?of=store 1"),
        "Location with control characters": _redirect("/\x00\x07\x1b?\x01"),
        "Location with backslashes": _redirect("\\photos\\1.jpg"),
        "Location of 60,000 characters": _redirect(f"/{'a' * 60_000}"),
    })  # fmt: skip
    yield from _ways("C10", None, FINAL, {
        f"Location written as {written[:24]!r}": _moved(written)
        for written in (
            "{} ", "\t{}\t", "{}#part of it", "{}\r\nLocation: {}", "{}\r\n "
        )
    })  # fmt: skip
    yield from _ways("C10", None, FINAL, {"a redirect with an endless body": _endless_redirect})
    yield from _ways("C10", "deadline", AGAIN, {"to a drip": _to_a_drip}, "deadline")
    yield from _ways("C10", "bad_redirect", FINAL, {"https to http": _over_tls(_redirect("http://127.0.0.1/"))})


def _answers(
    row: str, code: str | None, attempts: int, answers: Mapping[str, Answer], until: Until = "answer"
) -> Iterator[Case]:
    """Cases in which the plain server gives one answer."""
    yield from _ways(row, code, attempts, {name: _at(answer) for name, answer in answers.items()}, until)


def _ways(
    row: str, code: str | None, attempts: int, ways: Mapping[str, Way], until: Until = "answer"
) -> Iterator[Case]:
    """Cases that need something else."""
    for name, way in ways.items():
        yield Case(row, name, way, code, attempts, until)


def _statuses(row: str, attempts: int, *statuses: int) -> Iterator[Case]:
    for status in statuses:
        # Closed, because some of these have no body to say where they end.
        answer = closing(response(b"", f"{status} Such", "Location: /elsewhere"))
        yield from _answers(row, f"http_{status}", attempts, {str(status): answer})


def _at(answer: Answer, host: str = "127.0.0.1") -> Way:
    return partial(FaultWorld.at, answer=answer, host=host)


def _over_tls(answer: Answer, kind: str = "good") -> Way:
    return partial(FaultWorld.over_tls, answer=answer, kind=kind)


def _greeted(behaviour: Behaviour, scheme: str = "http") -> Way:
    return partial(FaultWorld.greeted, greeting=behaviour, scheme=scheme)


def _length(*lengths: str) -> bytes:
    """The header of an image, with these Content-Lengths."""
    return response(b"", "200 OK", *(f"Content-Length: {length}" for length in lengths), length=False)


def _redirect(location: str) -> bytes:
    return response(b"", "302 Found", f"Location: {location}")


def _moved(written: str) -> Way:
    """A redirect to the good image, whose URL stands where `written` has braces."""

    def lay(world: FaultWorld) -> str:
        return world.at(_redirect(written.replace("{}", world.good_url)))

    return lay


def _chain(hops: int) -> Way:
    def lay(world: FaultWorld) -> str:
        url = world.good_url
        for _ in range(hops):
            url = world.at(_redirect(url))
        return url

    return lay


def _endless_redirect(world: FaultWorld) -> str:
    return world.at(endless(response(b"", "302 Found", f"Location: {world.good_url}", length=False), b"x" * 100_000))


def _to_a_drip(world: FaultWorld) -> str:
    return world.at(_redirect(world.at(dripping(HEADER, b"x"))))


if __name__ == "__main__":
    # The servers as a separate process: `python -m proofs.fault_cases FOLDER` prints the URLs, and serves until its
    # standard input ends.
    with FaultWorld(Path(sys.argv[1])) as world:
        json.dump(urls(world), sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()
        sys.stdin.read()
