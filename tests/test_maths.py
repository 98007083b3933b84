"""The pages of docs/maths quote the code that runs, their examples come out as printed, none is missing."""

from __future__ import annotations

import doctest
import re
import runpy
from pathlib import Path

import pytest

from mnistweb.nn import LAYERS, Optimizer, optimizers
from mnistweb.nn.mistakes import MISTAKES

CHECKOUT = Path(__file__).resolve().parents[1]
MATHS = CHECKOUT / "docs" / "maths"
PAGES = sorted(MATHS.glob("*.md"))
LESSONS = [page for page in PAGES if page.stem != "index"]
TITLES = {page.read_text("utf-8").splitlines()[0].removeprefix("# "): page for page in LESSONS}
OPTIMIZERS = [
    name
    for name, thing in vars(optimizers).items()
    if isinstance(thing, type) and issubclass(thing, Optimizer) and thing is not Optimizer
]

each_lesson = pytest.mark.parametrize("page", LESSONS, ids=lambda page: page.stem)


@pytest.mark.parametrize("name", [*LAYERS, *OPTIMIZERS, "Softmax cross-entropy"])
def test_every_layer_loss_and_optimizer_has_a_page(name: str) -> None:
    text = TITLES[name].read_text("utf-8")
    for part in ("## Formula", "## Code", "<!-- source: ", "## By hand"):
        assert part in text
    assert "## Gradient" in text or "## Why" in text


def test_every_page_is_in_the_contents() -> None:
    listed = re.findall(r"^- \[(.+)\]\((.+)\): ", (MATHS / "index.md").read_text("utf-8"), re.MULTILINE)
    assert {title: MATHS / file for title, file in listed} == TITLES
    assert len(listed) == len(LESSONS)


@each_lesson
def test_the_code_on_a_page_is_the_code_that_runs(page: Path) -> None:
    quoting = runpy.run_path(str(CHECKOUT / "docs" / "quote_sources.py"))
    text = page.read_text("utf-8")
    assert quoting["with_quotations"](text) == text, "run `python docs/quote_sources.py`"


@each_lesson
def test_the_examples_come_out_as_printed(page: Path) -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    assert test.examples or page.stem == "mistakes"
    said: list[str] = []
    failures, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not failures, "".join(said)


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_is_described_in_its_own_words(name: str) -> None:
    text = " ".join(TITLES["Classic mistakes"].read_text("utf-8").split())
    mistake = MISTAKES[name]
    start = text.index(f"### {name} ")
    section = text[start : text.find("###", start + 3)]
    assert mistake.what in section
    assert f"mnistweb/nn/mistakes.py {mistake.wrong.__name__} " in section
    if mistake.caught_by_check:
        assert "**The check catches it.**" in section
    else:
        assert f"**The check can't catch it.** What shows it: {mistake.noticed_by}." in section


@each_lesson
def test_formulas_are_written_so_that_other_readers_of_markdown_show_them_too(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for formula in re.findall(r"\$([^$]+)\$", text):
        # Markdown takes a backslash before punctuation for its own.
        assert not re.search(r"\\[{}_*|,;!\\]", formula.replace(r"\;", "").replace(r"\,", "")), formula
