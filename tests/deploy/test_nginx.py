"""The shipped nginx before two replicas: no request is lost when one dies, and slow clients hurt nobody."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mnistweb.web.errors import TITLES
from tests.deploy.front import CHECKOUT, Front, nginx_program
from tests.load.clients import Clients
from tests.load.mixture import Ask, get
from tests.web.live import Answer, LiveServer, free_port, read_answer


@pytest.fixture(scope="module", autouse=True)
def nginx() -> None:
    if nginx_program() is None:
        if os.environ.get("CI"):
            pytest.fail("needs nginx")
        pytest.skip("needs nginx: apt-get install nginx-light")


@pytest.fixture(scope="module")
def replicas(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[LiveServer]]:
    """Two, which live through all that the tests do to them."""
    with (
        LiveServer(weights, tmp_path_factory.mktemp("first") / "instance") as first,
        LiveServer(weights, tmp_path_factory.mktemp("second") / "instance") as second,
    ):
        yield [first, second]


@pytest.fixture(scope="module")
def front(replicas: list[LiveServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the shipped nginx."""
    with Front([each.port for each in replicas], tmp_path_factory.mktemp("front")) as nginx:
        yield nginx.port


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the shipped nginx before nobody: all replicas are down."""
    with Front([free_port()], tmp_path_factory.mktemp("alone")) as nginx:
        yield nginx.port


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[int]:
    """The port of the shipped nginx with its limits, before nobody: it answers 503 as fast as it can."""
    with Front([free_port()], tmp_path, limited=True) as nginx:
        yield nginx.port


@pytest.fixture
def ask(seven: bytes) -> Ask:
    return Ask("png", "POST", "/predict", {"Content-Type": "image/png"}, seven)


def test_killed_workers_lose_no_request(front: int, replicas: list[LiveServer], ask: Ask) -> None:
    """Guards: proxy_next_upstream with non_idempotent, without which every kill is a series of 502; and
    answers that leave in one piece (mnistweb/web/one_send.py), without which some are cut off.
    """
    with Clients(front, [ask]) as clients:
        for number in range(6):
            clients.wait_for(more=40)
            os.kill(replicas[number % 2].workers()[0], signal.SIGKILL)
        clients.wait_for(more=40)
    assert clients.failures == []


def test_replicas_that_reload_lose_no_request(front: int, replicas: list[LiveServer], ask: Ask) -> None:
    with Clients(front, [ask]) as clients:
        for replica in replicas:
            clients.wait_for(more=30)
            replica.signal(signal.SIGHUP)
        clients.wait_for(more=60)
    assert clients.failures == []


def test_two_hundred_half_requests_leave_the_health_check_quick(front: int) -> None:
    """The guard is nginx itself: a request reaches a worker when it is whole."""
    slow = [socket.create_connection(("127.0.0.1", front)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /predict HT")
        with Clients(front, [get("/health-check")], count=1) as clients:
            clients.wait_for(more=100)
        assert clients.failures == []
        assert clients.percentiles()["p99"] < 1000
    finally:
        for connection in slow:
            connection.close()


def test_a_body_over_the_limit_is_refused_before_it_reaches_a_worker(front: int) -> None:
    check_problem(send(front, b"POST /predict HTTP/1.1", b"Content-Length: 99999999"), 413, "too_large")


def test_metrics_are_not_for_strangers(front: int) -> None:
    check_problem(ask_once(front, "/metrics"), 404, "not_found")


# For replicas that never answer.
IMPATIENT = [(f"proxy_read_timeout {shipped};", "proxy_read_timeout 200ms;") for shipped in ("30s", "5s")]

REFUSED = {
    "18 MB": (b"POST /predict HTTP/1.1", b"Content-Length: 18000000", bytes(18_000_000), 413, "too_large"),
    "18 MB in chunks": (
        *(b"POST /predict HTTP/1.1", b"Transfer-Encoding: chunked", b"112a880\r\n" + bytes(18_000_000)),
        *(413, "too_large"),
    ),
    "a 9 kB header": (b"GET /health HTTP/1.1", b"X-A: " + b"a" * 9000, b"", 431, "headers_too_large"),
    "a 9 kB address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1", b"X-A: b", b"", 414, "address_too_long"),
    "no HTTP": (b"<script> /", b"X-A: b", b"", 400, "broken_request"),
    "two lengths": (
        *(b"POST /predict HTTP/1.1", b"Content-Length: 4\r\nContent-Length: 5", b"null"),
        *(400, "broken_request"),
    ),
    "an unknown coding": (b"POST / HTTP/1.1", b"Transfer-Encoding: x", b"", 400, "broken_request"),
    "HTTP/3.0": (b"GET / HTTP/3.0", b"X-A: b", b"", 400, "broken_request"),
    "TRACE": (b"TRACE /health HTTP/1.1", b"X-A: b", b"", 405, "method_not_allowed"),
    "the page of its errors": (b"GET /-/problem HTTP/1.1", b"X-A: b", b"", 404, "not_found"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nginx_refuses_has_the_form_of_the_applications_problems(alone: int, name: str) -> None:
    """Guard: error_page; nginx's own answers are HTML, with 400 for too large a header."""
    first, header, body, status, code = REFUSED[name]
    answer = send(alone, first, header, body)
    check_problem(answer, status, code)
    assert ("allow" in answer.headers) == (status == 405)
    assert "script" not in answer.json["detail"]


@pytest.mark.parametrize("path", ["/health", "/health-check", "/page.html", "/v2/health/ready"])
def test_no_replica_at_all_is_503_and_says_when_to_come_again(alone: int, path: str) -> None:
    """Guard: error_page; nginx's own answer is 502."""
    answer = ask_once(alone, path)
    check_problem(answer, 503, "overloaded")
    assert answer.json.get("error", "") == (answer.json["detail"] if path.startswith("/v2") else "")


def test_replicas_that_do_not_answer_in_time_are_503_too(tmp_path: Path) -> None:
    """Guard: error_page; nginx's own answer is 504."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Front([silent.getsockname()[1]], tmp_path, more=IMPATIENT) as nginx,
    ):
        check_problem(ask_once(nginx.port, "/models"), 503, "overloaded")


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"application/json", False),
        (b"application/json, text/html;q=0.5", False),
        (b"*/*", False),
    ],
)
def test_a_browser_gets_what_nginx_says_as_a_page(alone: int, accept: bytes, is_page: bool) -> None:
    for first, header, status in (
        (b"GET /upload HTTP/1.1", b"X-A: b", 503),
        (b"POST /upload HTTP/1.1", b"Content-Length: 99999999", 413),
    ):
        answer = send(alone, first, b"Accept: " + accept + b"\r\n" + header)
        assert answer.status == status
        if not is_page:
            assert answer.json["status"] == status
            continue
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-request-id"] in answer.body.decode()
        title = TITLES["overloaded" if status == 503 else "too_large"][1]
        assert f"<h1>{title}</h1>" in answer.body.decode()


def test_what_the_application_says_is_wrong_passes_as_it_is(front: int) -> None:
    """nginx has words of its own for 400 and 404 as well; these know more."""
    json = b"Content-Type: application/json\r\nContent-Length: 1"
    answer = send(front, b"POST /predict HTTP/1.1", json, b"{")
    assert (answer.status, answer.json["code"]) == (400, "broken_json")
    answer = send(front, b"GET /model/info?model=gpt HTTP/1.1", b"X-A: b")
    assert (answer.status, answer.json["code"]) == (404, "unknown_model")


def test_a_client_cannot_say_that_it_asked_for_another_host(weights: Path, tmp_path: Path) -> None:
    """Guard: X-Forwarded-Host, which the application believes when a proxy is trusted."""
    settings = {"TRUSTED_PROXIES": 1, "TRUSTED_HOSTS": ["127.0.0.1"]}
    with (
        LiveServer(weights, tmp_path / "instance", settings) as replica,
        Front([replica.port], tmp_path) as nginx,
    ):
        ask = b"GET /models HTTP/1.1"
        answer = send(nginx.port, ask, b"X-Forwarded-Host: 127.0.0.1", host=b"evil.example")
        assert (answer.status, answer.json.get("code")) == (400, "untrusted_host")
        answer = send(nginx.port, ask, b"X-Forwarded-Host: evil.example", host=b"127.0.0.1")
        assert answer.status == 200


@pytest.mark.parametrize("path", [b"/models", b"/health-check"])
def test_what_clients_say_in_the_place_of_a_proxy_is_written_over(path: bytes, tmp_path: Path) -> None:
    """Guard: proxy_set_header, for both locations."""
    header = (
        b"X-Forwarded-Host: b\r\nX-Forwarded-For: b\r\nX-Forwarded-Proto: b\r\nX-Request-ID: b\r\nX-Mine: b"
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as replica,
        Front([replica.getsockname()[1]], tmp_path, more=IMPATIENT) as nginx,
    ):
        send(nginx.port, b"GET " + path + b" HTTP/1.1", header)
        while b"x-mine: b" not in (head := next_head(replica)):  # earlier ones asked whether nginx is up
            pass
    found = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    assert len(found.pop(b"x-request-id")) == 32
    assert found == {
        b"host": b"a",
        b"x-forwarded-host": b"a",
        b"x-forwarded-for": b"127.0.0.1",
        b"x-forwarded-proto": b"http",
        b"x-mine": b"b",
    }


def next_head(listener: socket.socket) -> bytes:
    """The head of the next request that waits at `listener`, in small letters."""
    listener.settimeout(10)
    connection, _ = listener.accept()
    with connection:
        return connection.recv(10_000).lower()


def test_the_shipped_file_is_well_formed(tmp_path: Path) -> None:
    """All but the port is as shipped: nginx looks at its folders too, which in a container are below /tmp."""
    program = nginx_program()
    assert program is not None
    text = (CHECKOUT / "deploy" / "nginx.conf").read_text().replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "nginx.conf").write_text(text)
    command = [program, "-t", "-q", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_one_address_may_ask_so_often_and_is_then_told_when_to_come_again(limited: int) -> None:
    """The guard is limit_req: 50 requests a second, 100 at once."""
    with Clients(limited, [get("/health", 503)], count=8) as clients:
        clients.wait_for(more=400)
    passed, refused = clients.statuses[503], clients.statuses[429]
    assert refused > 0
    assert 100 <= passed <= 101 + 51 * clients.lasted, (passed, clients.lasted)
    assert set(clients.statuses) == {503, 429}
    answer = until_refused(limited)
    check_problem(answer, 429, "too_many_requests")
    assert ask_once(limited, "/health-check").status == 503, "the orchestrator's question has no limit"


def test_one_address_may_hold_so_many_connections(limited: int) -> None:
    """The guard is limit_conn, which counts connections whose request's head has been read."""
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 100\r\n\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(64):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", limited)))
            connection.sendall(head)
        until_refused(limited, pause=0.05)  # slowly enough for the other limit


def until_refused(port: int, *, pause: float = 0) -> Answer:
    """Ask until the answer is 429, for at most ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := ask_once(port, "/health")).status != 429:
        assert time.monotonic() < deadline
        time.sleep(pause)
    return answer


def ask_once(port: int, path: str) -> Answer:
    return send(port, f"GET {path} HTTP/1.1".encode())


def send(
    port: int, first: bytes, header: bytes = b"X-A: b", body: bytes = b"", *, host: bytes = b"a"
) -> Answer:
    """Send a request and read the answer."""
    head = first + b"\r\nHost: " + host + b"\r\nConnection: close\r\n" + header + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with contextlib.suppress(OSError):  # it may answer and close before it has heard everything
            connection.sendall(head + body)
        return read_answer(connection)


def check_problem(answer: Answer, status: int, code: str) -> None:
    """Check that nginx's answer has the form of the application's, see tests/web/conftest.py."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("retry-after") == ("1" if status in (429, 503) else None)
    found = answer.json
    assert set(found) - {"error"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert (found["status"], found["code"], found["type"]) == (status, code, f"urn:mnistweb:problem:{code}")
    assert (status, found["title"]) == TITLES.get(code, (429, "Too many requests"))
    assert found["request_id"] == answer.headers["x-request-id"]
    assert found["detail"]
