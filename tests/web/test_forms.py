"""Forms, for programs at `/predict` and for people at `/upload`.

Guards: read_form in mnistweb/web/incoming.py, the limits that `_configure` sets, `_shown_name` of
mnistweb/web/upload.py for file names, and mnistweb/web/other_sites.py for posts from elsewhere.
"""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from mnistweb.web.openapi import described_rules
from mnistweb.web.upload import _percent
from tests.web.conftest import make_app, problem

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    extra = b"" if filename is None else b'; filename="' + filename.encode() + b'"'
    head = b'Content-Disposition: form-data; name="' + name.encode() + b'"' + extra
    return b"--frontier\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


END = b"--frontier--\r\n"
FORM = "multipart/form-data; boundary=frontier"


def post(client: FlaskClient, path: str, body: bytes, content_type: str = FORM, **headers: str) -> Any:
    return client.post(
        path,
        data=body,
        content_type=content_type,
        headers=headers,
        environ_overrides={"CONTENT_LENGTH": str(len(body))},
    )


def results_of(page: str) -> list[tuple[str, str]]:
    """(data-prediction, data-verdict) of each result on an upload page."""
    tags = re.findall(r'<[^>]*class="(?:[^"]* )?result(?: [^"]*)?"[^>]*>', page)
    return [
        (re.search(r'data-prediction="([^"]*)"', tag)[1], re.search(r'data-verdict="([^"]*)"', tag)[1])  # type: ignore[index]
        for tag in tags
    ]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/debug-image"])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (part("image", b"x", "a.png") + END, "multipart/form-data"),
        (part("image", b"x", "a.png") + END, "multipart/form-data; boundary=another"),
        (part("image", b"x", "a.png") + END, "multipart/form-data; boundary="),
        (b"", FORM),
        (b"no form at all", FORM),
        (END, FORM),
        (part("other", b"x", "a.png") + END, FORM),
        (part("image", b"not a file") + END, FORM),
    ],
    ids=[
        "no boundary",
        "wrong boundary",
        "empty boundary",
        "nothing",
        "no form",
        "no part",
        "other field",
        "no file",
    ],
)
def test_a_form_without_a_picture_is_400(
    client: FlaskClient, path: str, body: bytes, content_type: str
) -> None:
    problem(post(client, path, body, content_type), 400, "no_image")


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/debug-image"])
def test_a_part_that_never_ends_is_400(client: FlaskClient, path: str, seven: bytes) -> None:
    for body in (
        part("image", seven, "a.png")[:-2],
        part("image", seven, "a.png"),
        b"--frontier\r\nContent-Disp",
    ):
        response = post(client, path, body)
        assert response.status_code == 400, body[-20:]
        assert response.json["code"] in ("broken_form", "no_image")


def test_an_empty_file_is_400(client: FlaskClient) -> None:
    problem(post(client, "/predict", part("image", b"", "a.png") + END), 400, "no_image")


def test_two_files_where_one_is_wanted_are_400(client: FlaskClient, seven: bytes) -> None:
    body = part("image", seven, "a.png") + part("image", seven, "b.png") + END
    problem(post(client, "/predict", body), 400, "broken_form")


@pytest.mark.parametrize("path", ["/predict", "/upload"])
def test_a_text_field_of_600_kb_is_413(client: FlaskClient, path: str, seven: bytes) -> None:
    body = part("image", seven, "a.png") + part("note", b"x" * 600_000) + END
    problem(post(client, path, body), 413, "too_large")


@pytest.mark.parametrize("path", ["/predict", "/upload"])
def test_a_thousand_and_one_parts_are_413(client: FlaskClient, path: str, seven: bytes) -> None:
    problem(post(client, path, part("image", seven, "a.png") + part("x", b"") * 1000 + END), 413, "too_large")
    assert post(client, path, part("image", seven, "a.png") + part("x", b"") * 999 + END).status_code == 200


def test_urlencoded_forms_are_415(client: FlaskClient) -> None:
    body = b"image=" + b"x" * 600_000
    for path in ("/upload", "/predict", "/predict/batch"):
        response = post(client, path, body, "application/x-www-form-urlencoded")
        assert response.status_code == 415


def test_uploads_write_nothing_to_the_temporary_folder(
    client: FlaskClient, seven: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Werkzeug spools files of more than 500 kB to a temporary file; a full disk would then stop predictions.
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_, **__: pytest.fail("a temporary file was opened"))
    monkeypatch.setattr(
        "tempfile.SpooledTemporaryFile", lambda *_, **__: pytest.fail("a temporary file was opened")
    )
    big = seven + bytes(2_000_000)
    assert post(client, "/predict", part("image", big, "a.png") + END).status_code == 200


def test_the_upload_page_is_a_form_that_needs_no_script(client: FlaskClient) -> None:
    page = client.get("/upload")
    assert page.status_code == 200
    assert re.search(r'<form[^>]*method="post"[^>]*enctype="multipart/form-data"', page.text)
    assert re.search(
        r'<input[^>]*type="file"[^>]*name="image"[^>]*multiple|name="image"[^>]*type="file"', page.text
    )
    assert 'name="model"' in page.text


def test_each_uploaded_picture_gets_its_result(client: FlaskClient, seven: bytes) -> None:
    files = [
        (io.BytesIO(seven), "one.png"),
        (io.BytesIO(b"GIF89a"), "two.gif"),
        (io.BytesIO(seven), "three.png"),
    ]
    page = client.post("/upload", data={"image": files}, headers=HTML)
    assert page.status_code == 200
    first, broken, last = results_of(page.text)
    direct = client.post("/predict", data=seven, content_type="image/png").json
    assert first == last == (str(direct["prediction"]), direct["verdict"])
    assert broken == ("", "")
    assert direct["sentence"] in html.unescape(page.text)
    assert "a GIF picture was sent" in html.unescape(page.text)
    assert page.text.count("data:image/png;base64,") > 8  # the picture and each step, twice


def test_the_chosen_model_reads_the_upload(client: FlaskClient, seven: bytes) -> None:
    body = part("image", seven, "a.png") + part("model", b"small-convnet") + END
    direct = client.post("/predict?model=small-convnet", data=seven, content_type="image/png").json
    assert results_of(post(client, "/upload", body).text) == [(str(direct["prediction"]), direct["verdict"])]


def test_when_no_picture_could_be_read_the_status_says_so(client: FlaskClient) -> None:
    page = client.post("/upload", data={"image": (io.BytesIO(b"GIF89a"), "a.gif")})
    assert page.status_code == 415
    assert page.content_type.startswith("text/html")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (END, FORM, 400),
        (part("image", b"", "") + END, FORM, 400),
        (b"", FORM, 400),
        (part("image", b"", "") + part("model", b"gpt") + END, FORM, 400),
        (b"{}", "application/json", 415),
    ],
    ids=["no file", "nothing chosen", "nothing", "nothing chosen but a model", "json"],
)
def test_a_form_that_cannot_be_read_is_shown_again(
    client: FlaskClient, body: bytes, content_type: str, status: int
) -> None:
    page = post(client, "/upload", body, content_type)
    assert page.status_code == status
    assert 'role="alert"' in page.text
    assert "<form" in page.text


def test_an_unknown_model_is_said_on_the_form(client: FlaskClient, seven: bytes) -> None:
    page = post(client, "/upload", part("image", seven, "a.png") + part("model", b"<b>gpt") + END)
    assert page.status_code == 404
    assert "<b>gpt" not in page.text
    assert "&lt;b&gt;gpt" in page.text


def test_more_files_than_allowed_are_413(weights: Path, instance: Path, seven: bytes) -> None:
    client = make_app(weights, MAX_UPLOAD_FILES=2).test_client()
    body = part("image", seven, "a.png") * 2
    assert post(client, "/upload", body + END).status_code == 200
    assert post(client, "/upload", body + part("image", seven, "c.png") + END).status_code == 413


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\me\\\\seven.png", "seven.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u200b\u2066b.png", "ab.png"),
        ("x" * 5000 + ".png", "x" * 68 + "..." + "xxxxx.png"),
        ("7️⃣.png", "7️⃣.png"),
    ],
    ids=["climbing", "a Windows path", "markup", "right-to-left", "invisible", "5,000 characters", "emoji"],
)
def test_a_file_name_is_only_ever_shown_and_escaped(
    client: FlaskClient, seven: bytes, filename: str, shown: str
) -> None:
    page = post(client, "/upload", part("image", seven, filename) + END)
    assert page.status_code == 200
    assert str(shown) in html.unescape(page.text)
    assert "<img src=x" not in page.text
    assert "\u202e" not in page.text
    assert len(page.text) < 200_000


def test_a_file_name_with_a_nul_is_read_all_the_same(client: FlaskClient, seven: bytes) -> None:
    page = post(client, "/upload", part("image", seven, "se\0ven.png") + END)
    assert page.status_code == 200
    assert "\0" not in page.text


@pytest.mark.parametrize(
    "filename", ["../../stolen.png", "/tmp/stolen.png", "stolen.png\0.txt", "\u202estolen"]
)
def test_a_file_name_is_never_a_path(
    weights: Path, instance: Path, seven: bytes, filename: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: _save in mnistweb/web/debug_image.py, which names what it saves after its content."""
    monkeypatch.chdir(instance)
    client = make_app(weights).test_client()
    answer = post(client, "/debug-image", part("image", seven, filename) + END).json
    assert re.fullmatch(r"[0-9a-f]{32}\.png", answer["saved_debug_image"])
    written = [path.name for path in instance.parent.rglob("*.png")]
    assert written == [answer["saved_debug_image"]]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
def test_a_form_posted_from_another_site_is_refused(
    client: FlaskClient, seven: bytes, headers: dict[str, str]
) -> None:
    body = part("image", seven, "a.png") + END
    problem(post(client, "/upload", body, **headers), 403, "cross_site")
    page = post(client, "/upload", body, **headers, **HTML)
    assert (page.status_code, page.content_type) == (403, "text/html; charset=utf-8")


def test_no_page_takes_a_form_from_another_site(weights: Path, instance: Path) -> None:
    """Guard: refuse_other_sites, which each view that takes a form of a page has to call."""
    app = make_app(weights, TRAINING_PAGE=True)
    client = app.test_client()
    of_the_api = {rule.endpoint for rule, method, _ in described_rules(app) if method == "POST"}
    forms = [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods and rule.endpoint not in of_the_api
    ]
    assert {"/upload", "/train"} <= {rule.rule for rule in forms}
    for rule in forms:
        address = re.sub(r"<[^>]*>", "stop", rule.rule)
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            problem(post(client, address, part("image", b"x", "a.png") + END, **headers), 403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    ],
    ids=str,
)
def test_a_form_posted_from_here_is_taken(client: FlaskClient, seven: bytes, headers: dict[str, str]) -> None:
    assert post(client, "/upload", part("image", seven, "a.png") + END, **headers).status_code == 200


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0.0 %"), (0.0004, "<0.1 %"), (0.5, "50.0 %"), (0.9995, ">99.9 %"), (1.0, ">99.9 %")],
)
def test_a_percentage_is_never_a_certainty(value: float, words: str) -> None:
    assert _percent(value) == words
