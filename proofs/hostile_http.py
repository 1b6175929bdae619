"""Headers, query strings, paths and whole byte streams that a client should not send."""

CONTENT_TYPES = [
    "application/json; charset=utf-16", "application/json; charset=latin-1", "application/json; charset=utf-7",
    "application/json; charset=bz2", "application/json; charset=zlib_codec", "application/json; charset=hex",
    "application/json; charset=rot13", "application/json; charset=idna", "application/json; charset=undefined",
    "application/json; charset=unicode_escape", "application/json; charset=bogus", "application/json; charset=",
    "application/json; charset=utf-8-sig", "application/jsonp", "application", "/", "*", ";", "json",
    "application/json, text/html", "x" * 6000, "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300,
    "application/json; charset*=utf-8''%00", "application/json; charset*=bogus''x",
    "application/json; charset*=idna''x", "application/json; charset*=utf-7''+2AA-", "application/json; x" * 300,
    "application/json; charset*=''", "application/json; charset*0=ut; charset*1=f-7", "text/plain; charset*=hex''%00",
    "application/json; charset*0=ut; charset*=f-7",
]  # fmt: skip
QUERIES = [
    "jobid=%00", "jobid=%ED%A0%80", "jobid=%FF", "jobid=%", "jobid=%zz", "jobid=1%00", "jobid[]=1", "jobid=1;DROP",
    "jobid=", "jobid=abc", "jobid=1.5", "jobid=-1", "jobid=0", "jobid=01", "jobid=%EF%BC%91", "jobid=" + "9" * 5000,
    "jobid=9223372036854775807", "jobid=9223372036854775808", "jobid=18446744073709551616", "jobid=1&jobid=2",
    "jobid=1&view=images&cursor=%00", "jobid=1&view=%00", "jobid=1&view=images&limit=0", "jobid=1&view=everything",
    "area=%00", "storeid=%00", "startdate=%00", "enddate=%00", "cursor=%00", "limit=%00", "area=%ED%A0%80",
    "storeid=%ED%A0%80", "startdate=%EF%BC%92", "limit=%EF%BC%91", "limit=1e9", "limit=99999999999999999999",
    "cursor=%ED%A0%80", "cursor=" + "A" * 3000, "cursor=AAAAAAAAAAE", "cursor=__________8", "%00=1", "%00=%00",
    "area=" + "x" * 3000, "startdate=0000-00-00", "enddate=99999-01-01", "startdate=" + "9" * 3000,
    "startdate=9999-12-31T23:59:59-23:59", "enddate=0001-01-01T00:00:00%2B23:59", "next=//evil.example", "next=%00",
    "&" * 900, "=" * 900, "a=1&" * 600, "a[" * 900, "%", "%%%", "?", "????", "\\", "'\"<>",
]  # fmt: skip
# By name, because a request has at most one of each.
HEADERS: dict[str, list[str]] = {
    "Idempotency-Key": ["k", "", " ", "x" * 256, "x" * 255, "\x80", "a b", "'", "%00", "k" * 6000],
    "Authorization": [
        "Bearer \xff", "Bearer", "Bearer ", "Bearer a.b.c", "Basic !!!", "Basic OjpOVUw6AA==", "Token x", "Bearer " + "x" * 6000,
        "Bearer eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoxfQ.", "Bearer rp_00000000_x", "bearer\tx", "Digest a=b", "=", ",",
    ],
    "Cookie": [
        "\xff=\xfe; a; =; ;", "sessionid=" + "x" * 6000, 'sessionid="\\000"; csrftoken="\\000"', "csrftoken=x", "=" * 900,
        "a=1; " * 400, "sessionid=\xc2\x80", 'sessionid="', "$Version=1; sessionid=x; $Path=/",
    ],
    "Host": ["", "evil.example", "127.0.0.1:0", "127.0.0.1:99999", "[::1", "a b", "localhost\xff", "x" * 6000, "127.0.0.1@evil", "*"],
    "Accept": ["text/html", "application/xml", "", "*", ";", ",", "x/y;q=2", "*/*;q=", "a/b," * 900, "\xff", "application/json;indent=99999999"],
    "Accept-Language": ["\xff", "x" * 6000, "en;q=1e400", "*" * 99],
    "Accept-Encoding": ["gzip;q=nan", "br" * 900, "\xff"],
    "X-CSRFToken": ["\xff", "x" * 64, ""],
    "X-Forwarded-For": ["127.0.0.1", "\xff", "," * 900, "::1%lo"],
    "X-Forwarded-Proto": ["https", "\xff"],
    "X-HTTP-Method-Override": ["DELETE", "\xff"],
    "Range": ["bytes=0-0", "bytes=" + "0-," * 900, "bytes=-1"],
    "If-None-Match": ["*", '"' * 900],
    "If-Modified-Since": ["Thu, 99 Foo 9999 99:99:99 GMT", "\xff", "0"],
    "Origin": ["null", "\xff", "http://["],
    "Referer": ["\xff", "http://[", "https://" + "x" * 6000],
    "User-Agent": ["\xff" * 99, "<script>", "${jndi:ldap://evil}", "() { :; }; echo", ""],
    "Content-Encoding": ["gzip", "br", "deflate", "gzip, gzip", "utf-8", "identity", "hex", ",", "\xff"],
    "Content-Language": ["\xff"],
    "Upgrade": ["h2c", "websocket"],
    "X_Underscore": ["1"],
}  # fmt: skip
# Headers that decide where a request ends: each goes over its own connection, and any answer but a crash is accepted.
FRAMING = [
    ("Content-Length", value)
    for value in ("-1", "+5", "5, 6", "0x10", "1e3", "\uff11", "", " ", "99999999999999999999", "9" * 400, "NaN", "5;6", "5 6", "100")
] + [
    ("Transfer-Encoding", value)
    for value in ("chunked", "gzip", "chunked, chunked", "xchunked", "identity, chunked", " chunked", "\x0bchunked", "chunked;q=1", "")
] + [("Expect", value) for value in ("100-continue", "200-ok", "", "100-continue, x")] + [
    ("Connection", value) for value in ("close", "upgrade", "keep-alive, close", "\xff", "x" * 900)
]  # fmt: skip
METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "FOO",
    "X" * 20,
]
PATHS = [
    "/", "/api", "/api/", "/api//submit", "/api/submit/extra", "/api/none", "/api/%00", "/api/%FF", "/api/../admin/",
    "/api/%2e%2e/admin/", "/api/submit%00", "/api/submit%0d%0a", "/api/sub%6Dit", "/API/submit", "/none", "/%", "/%zz",
    "/static/%00", "/static/../../etc/passwd", "/static/..%2f..%2fetc/passwd", "/static/", "/admin", "/admin/jobs/job/",
    "/admin/jobs/job/1/change/", "/admin/jobs/job/%00/change/", "/admin/login/%00", "/admin/r/1/1/", "/admin/jsi18n/",
    "/livez/", "/readyz/", "/livez/x", "//", "//evil.example/", "/;a=b", "/api/status;x", "/.git/config", "/" + "x" * 3000,
    "/" + "a/" * 900, "/\\", "/api/\xff", "http://evil.example/api/status", "*",
]  # fmt: skip
# Sent byte for byte over separate connections; an empty answer or a 4xx is accepted.
NOT_HTTP = {
    "nothing": b"",
    "a line break": b"\r\n",
    "many line breaks": b"\r\n" * 5000,
    "a word": b"hello\r\n\r\n",
    "a binary": bytes(range(256)) * 8,
    "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160),
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "HTTP/0.9": b"GET /livez\r\n",
    "HTTP/1.0 without Host": b"GET /livez HTTP/1.0\r\n\r\n",
    "HTTP/1.1 without Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /livez \r\nHost: localhost\r\n\r\n",
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: localhost\n\n",
    "bare carriage returns": b"GET /livez HTTP/1.1\rHost: localhost\r\r",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a blank in the target": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in a header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "a header without colon": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n",
    "a header without name": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n",
    "a blank before the colon": b"GET /livez HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "two hosts": b"GET /api/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + b"\r\n",
    "a long header": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "a long target": b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a long method": b"X" * 200_000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two lengths": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunks": (
        b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /admin/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ),
    "chunks": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk of nonsense": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a chunk below zero": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "an endless chunk": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 99 + b"\r\nx",
    "a chunk with a trailer": (
        b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"
    ),
    "a proxy line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "more body than declared": b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n{}{}{}",
    "less body than declared": (
        b"POST /api/submit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}"
    ),
}  # fmt: skip
