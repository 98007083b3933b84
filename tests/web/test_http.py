"""HTTP as strangers speak it, byte by byte over a real socket to a real `mnistweb serve`.

Guards: gunicorn's parser for the framing, mnistweb/web/unreadable.py for how that is answered; check_framing
and read_body in mnistweb/web/body.py for the length of bodies.
"""

from __future__ import annotations

import json

import pytest

from tests.web.live import Answer, LiveServer, read_answer

HOST = b"Host: localhost\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST
GET = b"GET /health-check HTTP/1.1\r\n" + HOST


def check_problem(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] == code
    assert answer.json["request_id"] == answer.headers["x-request-id"]


@pytest.fixture(autouse=True)
def the_next_good_request_is_answered(server: LiveServer, pixels: list[float]):  # type: ignore[no-untyped-def]
    """After whatever a test did, the service goes on."""
    yield
    body = json.dumps({"pixels": pixels}).encode()
    assert server.request("POST", "/predict", body, {"Content-Type": "application/json"}).status == 200
    assert "Traceback" not in server.log
    assert '"traceback"' not in server.log


BAD_FRAMING = {
    "Content-Length and Transfer-Encoding": POST
    + JSON
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + JSON + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nnull ",
    "two different Content-Lengths": POST + JSON + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nnull ",
    "+4": POST + JSON + b"Content-Length: +4\r\n\r\nnull",
    "-4": POST + JSON + b"Content-Length: -4\r\n\r\nnull",
    "0x4": POST + JSON + b"Content-Length: 0x4\r\n\r\nnull",
    "a superscript two": POST + JSON + b"Content-Length: \xb2\r\n\r\nnull",
    "5,000 digits": POST + JSON + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "space before the colon": POST + JSON + b"Content-Length : 4\r\n\r\nnull",
    "bare LF": (POST + JSON + b"Content-Length: 4\r\n\r\n").replace(b"\r\n", b"\n") + b"null",
    "obs-fold": POST + b"X-A: b\r\n c\r\nContent-Length: 4\r\n\r\nnull",
    "NUL in a header": POST + b"X-A: b\0c\r\nContent-Length: 4\r\n\r\nnull",
    "chunked with HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\n" + HOST + b"\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a NUL in the path": b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_FRAMING)
def test_ambiguous_or_broken_framing_is_400(server: LiveServer, name: str) -> None:
    answer = server.send(BAD_FRAMING[name], then_close=True)
    check_problem(answer, 400, "broken_request")
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "header",
    [b"Transfer-Encoding: x", b"Expect: 200-maybe", b"SCRIPT_NAME: /elsewhere"],
    ids=["unknown transfer coding", "unknown expectation", "a path that is not below"],
)
def test_what_gunicorn_would_answer_with_statuses_of_its_own_is_400(
    server: LiveServer, header: bytes
) -> None:
    """Guard: PatientWorker.handle_error; stock gunicorn answers 501, 417 and 500."""
    check_problem(server.send(GET + header + b"\r\n\r\n"), 400, "broken_request")


def test_a_request_that_cannot_be_read_is_logged_without_what_it_said(server: LiveServer) -> None:
    """Guard: PatientWorker.handle_error; stock gunicorn logs and repeats the line it could not read."""
    answer = server.send(b"<script>alert(1)</script> what-is-this\r\n\r\n")
    assert b"script" not in answer.body
    assert "what-is-this" not in server.log
    assert answer.json["request_id"] in server.log


@pytest.mark.parametrize(
    ("coding", "chunks"),
    [
        (b"chunked", b"4\r\nnull\r\n0\r\n\r\n"),
        (b"chunked", b"1000000\r\n" + b"x" * 100_000),
        (b"chunked", b"zz\r\nnull\r\n0\r\n\r\n"),
        (b"gzip, chunked", b"4\r\nnull\r\n0\r\n\r\n"),
    ],
    ids=["good", "over the limit", "garbage size", "gzip, chunked"],
)
def test_a_body_of_unknown_length_is_411(server: LiveServer, coding: bytes, chunks: bytes) -> None:
    answer = server.send(
        POST + JSON + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + chunks, then_close=True
    )
    check_problem(answer, 411, "length_required")


def test_a_post_without_a_length_is_411(server: LiveServer) -> None:
    check_problem(server.send(POST + JSON + b"\r\n"), 411, "length_required")


@pytest.mark.parametrize(
    "length", [16 * 1024 * 1024 + 1, 10**15, 10**400], ids=["16 MiB + 1", "1e15", "1e400"]
)
def test_a_body_over_the_limit_is_413_before_it_is_sent(server: LiveServer, length: int) -> None:
    check_problem(server.send(POST + JSON + f"Content-Length: {length}\r\n\r\n".encode()), 413, "too_large")


@pytest.mark.parametrize(
    "kind",
    [b"application/json", b"image/png", b"multipart/form-data; boundary=x"],
    ids=["json", "png", "form"],
)
@pytest.mark.parametrize("path", [b"/predict", b"/upload"])
def test_fewer_bytes_than_announced_are_400(server: LiveServer, path: bytes, kind: bytes) -> None:
    head = (
        b"POST "
        + path
        + b" HTTP/1.1\r\n"
        + HOST
        + b"Content-Type: "
        + kind
        + b"\r\nContent-Length: 50\r\n\r\n"
    )
    answer = server.send(head + b"--x\r\nCo", then_close=True)
    if path == b"/upload":
        assert answer.status in (400, 415)
    else:
        check_problem(answer, 400, "incomplete_body")


def test_bytes_after_the_body_are_the_next_request(server: LiveServer) -> None:
    keep = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + JSON + b"Content-Length: 4\r\n\r\nnull"
    with server.connect() as connection:
        connection.sendall(keep + GET + b"\r\n")
        assert read_answer(connection).status == 422


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "address_too_long"),
        (
            GET + b"".join(b"X-%d: 1\r\n" % number for number in range(101)) + b"\r\n",
            431,
            "headers_too_large",
        ),
        (GET + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
    ],
    ids=["5,000-byte path", "101 headers", "9 kB header"],
)
def test_too_long_a_head_is_refused(server: LiveServer, request_bytes: bytes, status: int, code: str) -> None:
    check_problem(server.send(request_bytes), status, code)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x"])
def test_a_compressed_body_is_415(server: LiveServer, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    check_problem(server.request("POST", "/predict", b"{}", headers), 415, "unsupported_encoding")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", "OPTIONS, POST"),
        ("PUT", "/predict", "OPTIONS, POST"),
        ("DELETE", "/upload", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("PATCH", "/models", "GET, HEAD, OPTIONS"),
        ("BREW", "/predict", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_taken(
    server: LiveServer, method: str, path: str, allowed: str
) -> None:
    answer = server.request(method, path, b"")
    check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/static/../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%5c..%5cetc/passwd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/js%00.js",
        "/%00",
        "/debug-image/..%2f..%2fx.png",
        "/debug-image/%00.png",
        "/debug-image/0123456789abcdef0123456789abcdef.png",
        "/%ff%fe",
        "/static/" + "a" * 300,
        "//evil.example/%2e%2e",
        "/nothing",
    ],
)
def test_what_is_not_served_is_404(server: LiveServer, path: str) -> None:
    check_problem(server.request("GET", path), 404, "not_found")


@pytest.mark.parametrize("path", [b"/health-check", b"/nothing"])
def test_a_request_for_no_host_is_400(server: LiveServer, path: bytes) -> None:
    """Guard: check_framing; gunicorn takes the server's own address instead."""
    check_problem(
        server.send(b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n"), 400, "broken_request"
    )


def test_a_whole_url_as_the_target_is_read_as_its_path(server: LiveServer) -> None:
    assert server.send(b"GET http://localhost/health-check HTTP/1.1\r\n" + HOST + b"\r\n").status == 200


def test_expect_100_continue_is_honoured(server: LiveServer) -> None:
    answer = server.send(POST + JSON + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nnull")
    check_problem(answer, 422, "invalid_body")


def test_head_is_answered_without_a_body(server: LiveServer) -> None:
    with server.connect() as connection:
        connection.sendall(b"HEAD /health HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = read_answer(connection, without_body=True)
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,4-5", "bytes=-99999999", "bytes=5-2", "bytes=a", "x=1", "x=99999999-"],
    ids=["several", "more than all", "backwards", "no number", "an unknown unit", "beyond the end in one"],
)
def test_a_range_that_makes_no_sense_here_is_ignored(server: LiveServer, wanted: str) -> None:
    """Guard: errors.py, `_whole`; Werkzeug raises for all of these."""
    whole = server.request("GET", "/static/style.css")
    answer = server.request("GET", "/static/style.css", headers={"Range": wanted})
    assert (answer.status, answer.body) == (200, whole.body)
    assert answer.headers["content-type"] == whole.headers["content-type"]
    assert "content-range" not in answer.headers


def test_a_range_beyond_the_end_is_416_and_says_where_that_is(server: LiveServer) -> None:
    """Else `curl -C -` and `wget -c` take a file that they have whole for one that cannot be gone on with."""
    length = len(server.request("GET", "/static/style.css").body)
    answer = server.request("GET", "/static/style.css", headers={"Range": f"bytes={length}-"})
    check_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{length}"
    assert f"{length:,} bytes" in answer.json["detail"]


def test_a_range_of_a_file_is_given(server: LiveServer) -> None:
    whole = server.request("GET", "/static/style.css").body
    answer = server.request("GET", "/static/style.css", headers={"Range": "bytes=2-5"})
    assert (answer.status, answer.body) == (206, whole[2:6])
    assert answer.headers["content-range"] == f"bytes 2-5/{len(whole)}"


def test_many_requests_share_a_connection(server: LiveServer) -> None:
    with server.connect() as connection:
        for _ in range(5):
            connection.sendall(b"GET /health-check HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answer(connection).json == {"status": "ok"}
