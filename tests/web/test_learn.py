"""The lessons: every page is served whole, its formulas are MathML, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from mnistweb.resources import resource_folder
from mnistweb.web.lesson_markup import _mathml
from mnistweb.web.lessons import lessons, render
from tests.web.conftest import problem

NAMES = [lesson.name for lesson in lessons()]
ADDRESSES = ["/learn", *(f"/learn/{name}" for name in NAMES)]
MATHML = "{http://www.w3.org/1998/Math/MathML}"

# What latex2mathml makes of commands and letters that it knows, and that browsers draw (MathML Core).
ELEMENTS = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "msub", "msup", "msubsup",
    "mover", "munder", "munderover", "mtable", "mtr", "mtd", "mstyle",
}  # fmt: skip


def formulas(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(each) for each in re.findall(r"<math .*?</math>", text, re.DOTALL)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_lesson_is_served_with_one_heading_and_nothing_inline(client: FlaskClient, address: str) -> None:
    page = client.get(address)
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    without_code = re.sub(r"<pre.*?</pre>", "", page.text, flags=re.DOTALL)
    assert "$" not in without_code, "a formula that was not understood"


@pytest.mark.parametrize("name", NAMES)
def test_formulas_are_what_browsers_draw(name: str) -> None:
    found = formulas(render(name, "/learn"))
    assert found or name == "flatten" or name == "mistakes"
    for formula in found:
        for element in formula.iter():
            assert element.tag.removeprefix(MATHML) in ELEMENTS
            assert "\\" not in (element.text or ""), "a command of LaTeX that was not understood"
            assert (element.text or "").strip() != "&", "an environment that was not understood"
            assert element.get("mathvariant", "normal") == "normal", "browsers draw no other letters"


@pytest.mark.parametrize("address", ADDRESSES)
def test_links_between_lessons_lead_somewhere(client: FlaskClient, address: str) -> None:
    for target in set(re.findall(r'href="(/learn[^"]*)"', client.get(address).text)):
        path, _, anchor = target.partition("#")
        page = client.get(path)
        assert page.status_code == 200, target
        assert not anchor or f'id="{anchor}"' in page.text, target


def test_the_contents_list_every_page() -> None:
    written = {path.stem for path in resource_folder("maths").glob("*.md")} - {"index"}
    assert set(NAMES) == written


def test_lessons_lead_on_in_order(client: FlaskClient) -> None:
    first = client.get(f"/learn/{NAMES[0]}").text
    assert 'rel="prev"' not in first
    assert f'href="/learn/{NAMES[1]}" rel="next"' in first
    assert 'rel="next"' not in client.get(f"/learn/{NAMES[-1]}").text


def test_quoted_code_says_where_it_is_from(client: FlaskClient) -> None:
    page = client.get("/learn/dense").text
    assert "<code>Dense.backward</code> in <code>mnistweb/nn/layers.py</code>" in page
    assert "<!--" not in page


@pytest.mark.parametrize(
    "name", ["nothing", "index", "Dense", "dense.md", "..%2Farchitecture", "../architecture"]
)
def test_anything_else_is_not_found(client: FlaskClient, name: str) -> None:
    problem(client.get(f"/learn/{name}"), 404, "not_found")


def test_html_in_a_page_is_shown_not_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.md").write_text("# Evil\n\n<script>alert(1)</script>\n\nand <b onclick=x>this</b>\n")
    monkeypatch.setattr("mnistweb.web.lessons.resource_folder", lambda name: tmp_path)
    page = render("evil", "/learn")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "<b" not in page


def test_a_page_that_was_changed_is_rendered_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr("mnistweb.web.lessons.resource_folder", lambda name: tmp_path)
    page.write_text("# Before")
    assert "Before" in render("page", "/learn")
    page.write_text("# After")
    os.utime(page, ns=(1, 1))
    assert "After" in render("page", "/learn")


def test_a_function_keeps_its_distance_from_what_it_is_of() -> None:
    (formula,) = formulas(_mathml(r"\ln 10", "inline"))
    assert [element.tag.removeprefix(MATHML) for element in formula[0]] == ["mi", "mspace", "mn"]
