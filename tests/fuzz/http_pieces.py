"""Requests that are not quite HTTP: good ones, with pieces in them that servers have stumbled over."""

from __future__ import annotations

from random import Random

from tests.fuzz.changes import change_bytes
from tests.fuzz.served import GOOD_BODY

METHODS = [
    *b"GET POST PUT HEAD OPTIONS DELETE PATCH TRACE CONNECT BREW get G PRI".split(), b"", b"G\0T", b"G(T",
    b"GET\t", b"\xc3\xa9", b"A" * 60, b"GET GET",
]  # fmt: skip
TARGETS = [
    b"/", b"/predict", b"/predict", b"/predict/batch", b"/upload", b"/health-check", b"/static/style.css",
    b"/debug-image", b"/v2/models/tiny/infer", b"/paint-screen", b"/metrics", b"*", b"", b"//",
    b"/../../etc/passwd", b"/static/..%2f..%2fetc/passwd", b"/%00", b"/\0", b"/%", b"/%zz", b"/\xff\xfe",
    b"/a b", b"/?", b"/?a=%ff&model=%00", b"http://localhost/health-check", b"http://", b"localhost:80",
    b"/" + b"a" * 4000, b"/" + b"a" * 4200, b"/#x", b"/predict;x", b"/\x7f", b"/\x0b",
    b"/predict?model=\xed\xa0\x80",
]  # fmt: skip
VERSIONS = [
    b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.10",
    b"http/1.1", b"HTTP/1", b"HTTP/", b"HTTPS/1.1", b"", b"HTTP/1.1 x", b"HTTP/\xb2.1",
]  # fmt: skip
LENGTHS = [
    b"0", b"4", b"5", b"+4", b"-4", b"0x4", b"4 ", b"04", b"4,4", b"4, 5", b"4;", b"1e1", b"4.0", b"\xb2",
    b"", b" ", b"9" * 30, b"9" * 5000, b"16777216", b"16777217", b"\x0b4", b"4\0", b"99",
]  # fmt: skip
CODINGS = [
    b"chunked", b"Chunked", b"chunked ", b" chunked", b"\x0bchunked", b"chunked, chunked", b"gzip, chunked",
    b"chunked, gzip", b"identity", b"identity, chunked", b"x", b"", b"chunked;q=1", b"chunk\0ed",
    b"\"chunked\"", b"chunked\r\n\tx",
]  # fmt: skip
CHUNKS = [
    b"4\r\nnull\r\n0\r\n\r\n", b"4;a=b\r\nnull\r\n0\r\n\r\n", b"4;\"a\r\nnull\r\n0\r\n\r\n",
    b"0004\r\nnull\r\n0\r\n\r\n", b"4\nnull\n0\n\n", b"4\r\nnul", b"4\r\nnullnull\r\n0\r\n\r\n",
    b"-4\r\nnull\r\n0\r\n\r\n", b"0x4\r\nnull\r\n0\r\n\r\n", b"ffffffffffffffff\r\nnull",
    b"F" * 300 + b"\r\n", b"4 \r\nnull\r\n0\r\n\r\n", b"\r\n", b"0\r\n", b"0\r\nX-A: b\r\n\r\n",
    b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nX" + b"a" * 9000,
    b"4\r\nnull\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"zz\r\n", b"4\r\nnull0\r\n\r\n",
    b"+4\r\nnull\r\n0\r\n\r\n", b"4_0\r\nnull\r\n", b"\xb2\r\nnu\r\n0\r\n\r\n",
]  # fmt: skip
HEADERS = [
    b"Host: a", b"Host: ", b"Host: a b", b"Host: [::1", b"Host: a@b", b"Host: \xff", b"Host:" + b"a" * 300,
    b"X-A : b", b" X-A: b", b"X-A\t: b", b"X-A: b\r\n c", b"X-A: b\n c", b"X-A", b": b", b"X-A: \0",
    b"X-A: \r b", b"X\0: b", b"X-\xc3\xa9: b", b"X-A: \xff\xfe", b"X_A: b", b"Content_Length: 3", b"(X): b",
    b"X-A: " + b"a" * 8100, b"X-A: " + b"a" * 9000, b"\r\n".join(b"X-%d: 1" % n for n in range(90)),
    b"\r\n".join(b"X-%d: 1" % n for n in range(110)), b"Expect: 100-continue", b"Expect: 100-Continue",
    b"Expect: x", b"Connection: close", b"Connection: keep-alive",
    b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    b"Upgrade: websocket", b"Connection: Content-Length", b"X-Forwarded-Proto: https",
    b"X-Forwarded-For: " + b"1.2.3.4, " * 500, b"X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off",
    b"SCRIPT_NAME: /x", b"PATH_INFO: /x", b"Forwarded: host=x", b"X-Forwarded-Prefix: //evil",
    b"X-Request-ID: a\tb", b"X-Request-ID: 0123456789abcdef", b"Cookie: \xff=\xff; =", b"Accept: text/html",
    b"Accept: \xff;q=nan", b"Accept: text/html;q=99999", b"Accept-Encoding: gzip;q=x, *;q=0",
    b"Range: bytes=0-0,1-1", b"Range: bytes=9-1", b"Range: bytes=-99999999999999999999",
    b"If-Modified-Since: x", b"If-None-Match: \"", b"If-None-Match: *", b"Content-Type: application/json",
    b"Content-Type: application/json; charset=\xff", b"Content-Type: multipart/form-data; boundary=",
    b"Content-Type: multipart/form-data; boundary=\"" + b"a" * 80, b"Content-Type: image/png",
    b"Content-Type: \0", b"Content-Encoding: gzip", b"Content-Encoding: identity",
    b"Inference-Header-Content-Length: 2", b"Origin: null", b"Sec-Fetch-Site: cross-site",
    b"Authorization: Basic \xff", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2", b"TE: trailers", b"Date: x",
    b"Transfer_Encoding: chunked",
]  # fmt: skip
LINE_ENDS = [
    b"\n",
    b"\r",
    b"\r\r\n",
    b"\n\r\n",
    b"\r\n ",
    b"",
    b"\0\r\n",
]


def request(rng: Random) -> bytes:
    """A good request with some changes; one in six has none."""
    method, target = rng.choice(((b"GET", b"/health-check"), (b"POST", b"/predict"), (b"POST", b"/predict")))
    version, space, body = b"HTTP/1.1", b" ", GOOD_BODY if method == b"POST" else b""
    headers = [b"Host: localhost"]
    if body:
        headers += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        kind = rng.randrange(10)
        if kind == 0:
            method = rng.choice(METHODS)
        elif kind == 1:
            target = rng.choice(TARGETS)
        elif kind == 2:
            version = rng.choice(VERSIONS)
        elif kind == 3:
            space = rng.choice((b"  ", b"\t", b"", b"\x0b", b" "))
        elif kind == 4:
            headers = [each for each in headers if not each.startswith(b"Content-Length")]
            headers.append(b"Content-Length: " + rng.choice(LENGTHS))
            body = rng.choice((b"null", b"", body))
        elif kind == 5:
            if rng.random() < 0.7:
                headers = [each for each in headers if not each.startswith(b"Content-Length")]
            headers.append(b"Transfer-Encoding: " + rng.choice(CODINGS))
            body = rng.choice(CHUNKS)
        elif kind == 6 and headers:
            headers.append(rng.choice(headers))
        elif kind == 7 and headers:
            headers.pop(rng.randrange(len(headers)))
        else:
            headers.insert(rng.randint(0, len(headers)), rng.choice(HEADERS))
    lines = [space.join((method, target, version)), *headers, b""]
    ends = [b"\r\n"] * len(lines)
    if rng.random() < 0.1:
        ends[rng.randrange(len(ends))] = rng.choice(LINE_ENDS)
    data = b"".join(line + end for line, end in zip(lines, ends, strict=True)) + body
    return change_bytes(data, rng) if rng.random() < 0.1 else data
