"""docs/weights-format.md tells the truth: its reader runs, and its table names the keys of the file."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np

from mnistweb.weights.document import to_document
from mnistweb.weights.pickle_look import KNOWN_NAMES
from mnistweb.weights.saved_model import model_bytes

TEXT = (Path(__file__).parents[2] / "docs" / "weights-format.md").read_text("utf-8")


def test_the_reader_without_mnistweb_gives_the_same_digits(tmp_path, monkeypatch, perceptron, rng):
    (tmp_path / "mlp-128-64.pkl").write_bytes(model_bytes(perceptron))
    monkeypatch.chdir(tmp_path)
    pictures = rng.random((20, 28, 28, 1), dtype=np.float32)
    [code] = re.findall("```python\n(.*?)```", TEXT, re.DOTALL)
    assert "mnistweb" not in code
    names: dict = {"pictures": pictures}
    exec(code, names)
    logits = perceptron.model.forward(pictures)
    np.testing.assert_allclose(names["logits"], logits, atol=1e-6)
    np.testing.assert_array_equal(names["digits"], logits.argmax(axis=1))


def test_every_key_of_the_file_is_described(convnet):
    table = TEXT[TEXT.index("| key |") : TEXT.index("All arrays")]
    described = set(
        re.findall("`([a-z0-9_]+)`", "".join(line.split("|")[1] for line in table.splitlines() if line))
    )
    document = pickle.loads(model_bytes(convnet))
    assert described == {*to_document(convnet), "sha256"} == document.keys()


def test_the_number_of_names_is_right():
    assert len(KNOWN_NAMES) == 9
    assert "nine names exist" in TEXT
