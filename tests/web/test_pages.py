"""The pages: served whole, nothing from elsewhere, and with the policy that browsers hold them to.

Guards: mnistweb/web/headers.py for the policy and the id, errors.py for what errors tell, TRUSTED_HOSTS.
"""

from __future__ import annotations

import re
from pathlib import Path

import flask
import pytest
from flask import Flask, session
from flask.testing import FlaskClient

import mnistweb.web
from mnistweb.web.headers import SECURITY_HEADERS
from tests.web.conftest import make_app, post_json, problem

PAGES = ["/paint-screen", "/upload", "/debug-image", "/docs"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_the_start_leads_to_the_paint_screen(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/paint-screen"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_served(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert "<h1" in page.text


@pytest.mark.parametrize("path", ["/paint-screen", "/upload"])
def test_where_a_model_can_be_chosen_all_are_named(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    assert "tiny" in page
    assert "small-convnet" in page


def test_the_paint_screen_has_its_fixed_points(client: FlaskClient) -> None:
    page = client.get("/paint-screen").text
    for name in ("paint-canvas", "answer", "predict", "clear", "undo", "redo"):
        assert f'id="{name}"' in page
    assert re.search(r'<[^>]*id="answer"[^>]*data-state="empty"', page)


def keeps_to_the_policy(page: str) -> bool:
    """Nothing inline, and nothing that is loaded from elsewhere; links may lead there."""
    inline = re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|<[^>]*\son\w+=", page)
    elsewhere = re.search(r'(?:src|action)="(?:https?:)?//|<link[^>]*href="(?:https?:)?//', page)
    return inline is None and elsewhere is None


@pytest.mark.parametrize("path", PAGES)
def test_everything_a_page_asks_for_is_there(client: FlaskClient, path: str) -> None:
    page = client.get(path).text
    wanted = set(re.findall(r'(?:src|href)="(/[^"#]*)"', page))
    assert any(each.startswith("/static/") for each in wanted)
    for address in wanted:
        with client.get(address) as response:
            assert response.status_code in (200, 302), address


def test_every_answer_carries_the_security_headers_and_every_page_keeps_to_them(
    weights: Path, instance: Path
) -> None:
    """Guard: register_headers, for every route there is and for every error."""
    app = make_app(weights, TRAINING_PAGE=True)
    client = app.test_client()
    given = {"filename": "style.css", "name": "tiny", "version": "1", "page": "dense"}
    rules = [rule for rule in app.url_map.iter_rules() if not rule.rule.endswith("/events")]  # a stream
    asked = [
        (method, re.sub(r"<(?:\w+:)?(\w+)>", lambda match: given.get(match[1], "x"), rule.rule))
        for rule in rules
        for method in sorted(rule.methods or ())
    ]
    asked += [("GET", "/nothing"), ("PATCH", "/predict"), ("GET", "/static/nothing"), ("GET", "//x")]
    assert len(asked) > 60
    for method, path in asked:
        for accept in ("text/html", "application/json"):
            with client.open(path, method=method, headers={"Accept": accept}) as response:
                for name, value in SECURITY_HEADERS:
                    assert response.headers.getlist(name) == [value], (method, path, name)
                assert response.headers["X-Request-ID"], (method, path)
                assert "Set-Cookie" not in response.headers, (method, path)
                if response.mimetype == "text/html":
                    assert keeps_to_the_policy(response.text), (method, path)


def test_the_policy_allows_nothing_inline_and_nobody_to_frame_us() -> None:
    policy = dict(SECURITY_HEADERS)["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy


def test_a_browser_gets_an_error_as_a_page_with_the_same_facts(client: FlaskClient) -> None:
    page = client.get("/nothing", headers=BROWSER)
    assert page.status_code == 404
    assert page.content_type == "text/html; charset=utf-8"
    for fact in ("404", "There is no such page", "not_found", page.headers["X-Request-ID"]):
        assert fact in page.text


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "application/json", "application/problem+json", "application/json, text/html;q=0.5"],
)
def test_other_clients_get_an_error_as_problem_json(client: FlaskClient, accept: str | None) -> None:
    problem(client.get("/nothing", headers={"Accept": accept} if accept else {}), 404, "not_found")


def test_a_request_id_that_a_proxy_gave_is_kept(client: FlaskClient) -> None:
    response = client.get("/nothing", headers={"X-Request-ID": "0123456789abcdef"})
    assert problem(response, 404, "not_found")["request_id"] == "0123456789abcdef"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "with space here", "<script>alert(1)</script>", "ünïcödeünïcöde"]
)
def test_any_other_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    answered = client.get("/health-check", environ_overrides={"HTTP_X_REQUEST_ID": given}).headers[
        "X-Request-ID"
    ]
    assert re.fullmatch("[0-9a-f]{16}", answered)


def test_each_request_gets_an_id_of_its_own(client: FlaskClient) -> None:
    assert len({client.get("/health-check").headers["X-Request-ID"] for _ in range(20)}) == 20


def test_a_host_that_is_not_trusted_is_400(weights: Path, instance: Path) -> None:
    client = make_app(weights, TRUSTED_HOSTS=["mnistweb.example", ".sub.example"]).test_client()
    for path, headers in (("/models", {}), ("/paint-screen", BROWSER), ("/nothing", BROWSER)):
        response = client.get(path, headers={"Host": "evil.example", **headers})
        problem(response, 400, "untrusted_host")
    for host in ("mnistweb.example", "mnistweb.example:8000", "a.sub.example"):
        assert client.get("/health", headers={"Host": host}).status_code == 200


def test_a_host_header_of_nonsense_is_400_once_hosts_are_named(weights: Path, instance: Path) -> None:
    client = make_app(weights, TRUSTED_HOSTS=["mnistweb.example"]).test_client()
    for host in ("a b", "", "mnistweb.example@evil.example", "mnistweb.example/x"):
        assert client.get("/models", environ_overrides={"HTTP_HOST": host}).status_code == 400


def test_a_host_is_judged_by_each_application_for_itself(client: FlaskClient, weights: Path) -> None:
    strict = make_app(weights, TRUSTED_HOSTS=["mnistweb.example"]).test_client()
    for _ in range(2):
        assert client.get("/models", headers={"Host": "other.example"}).status_code == 200
        problem(strict.get("/models", headers={"Host": "other.example"}), 400, "untrusted_host")
        problem(client.get("/models", headers={"Host": "a..example"}), 400, "untrusted_host")


def test_nothing_is_registered_that_our_application_would_not_run(client: FlaskClient, app: Flask) -> None:
    for registered in (app.before_request_funcs, app.after_request_funcs):
        assert set(registered) == {None}, "a blueprint has something of its own to run"
    assert not app.teardown_request_funcs
    assert not app.url_value_preprocessors
    sources = "".join(path.read_text() for path in Path(mnistweb.web.__file__).parent.glob("*.py"))
    assert "after_this_request" not in sources


def test_there_are_no_sessions(app: Flask) -> None:
    with app.test_request_context("/health"):
        assert not session
        with pytest.raises(RuntimeError, match="session is unavailable"):
            session["name"] = 1


@pytest.mark.parametrize(
    "query", ["", "model=a", "model=a&model=b", "model=&b", "a=%zz%ff&model=%C3%A4+b", "=&&;a", "model=a%26b"]
)
def test_a_query_is_read_as_flask_reads_it(app: Flask, query: str) -> None:
    for _ in range(2):
        environ = {"QUERY_STRING": query, "REQUEST_METHOD": "GET"}
        ours, theirs = app.request_class(environ), flask.Request(environ)
        assert ours.args == theirs.args
        assert ours.args.to_dict(flat=False) == theirs.args.to_dict(flat=False)


def test_a_failure_of_our_own_tells_no_secrets(
    weights: Path, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret path: /etc/mnistweb")

    monkeypatch.setattr("mnistweb.web.predict.prediction_answer", fail)
    client = make_app(weights).test_client()
    body = {"pixels": [0.0, 1.0] * 392}
    found = problem(post_json(client, "/predict", body), 500, "internal_error")
    assert "secret" not in str(found)
    page = client.post("/predict", json=body, headers=BROWSER)
    assert (page.status_code, "secret" in page.text, "Traceback" in page.text) == (500, False, False)


def test_behind_a_proxy_that_is_named_the_forwarded_host_counts(
    weights: Path, instance: Path, seven: bytes
) -> None:
    forwarded = {"X-Forwarded-Host": "mnistweb.example", "X-Forwarded-Proto": "https"}
    headers = {**forwarded, "Origin": "https://mnistweb.example"}
    form = {"data": seven, "content_type": "image/png", "headers": headers}
    problem(make_app(weights).test_client().post("/upload", **form), 403, "cross_site")
    assert make_app(weights, TRUSTED_PROXIES=1).test_client().post("/upload", **form).status_code == 415
