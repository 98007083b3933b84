"""The scripts in examples/ run as they are, here on a few hundred drawings instead of MNIST."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistweb.inference import DigitClassifier
from mnistweb.recipes.practice import practice_pictures
from tests.recipes.shapes import write_shapes

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MNISTWEB_INSTANCE": str(folder / "instance"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def write_idx(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def idx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files named like MNIST's, with 400 drawings to learn from and 100 to test with."""
    folder = tmp_path_factory.mktemp("drawings")
    for stem, count, seed in (("train", 400, 1), ("t10k", 100, 2)):
        pictures, digits = practice_pictures(count, seed=seed)
        write_idx(folder / f"{stem}-images-idx3-ubyte", np.rint(pictures[..., 0] * 255))
        write_idx(folder / f"{stem}-labels-idx1-ubyte", digits)
    return folder


def shares(output: str) -> list[float]:
    """All percentages that a script printed."""
    return [float(number) for number in re.findall(r"(\d+\.\d+)%", output)]


def test_all_examples_are_tested_and_open_with_what_they_do() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert len(scripts) == 5
    for script in scripts:
        assert f"python examples/{script.name}" in script.read_text("utf-8").split('"""')[1]
        assert script.name in Path(__file__).read_text("utf-8")


def test_the_example_with_other_classes_uses_their_names(tmp_path: Path) -> None:
    done = run("04_fashion_mnist.py", str(write_shapes(tmp_path / "shapes")), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Half moon    \d+\.\d%$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("script", ["01_perceptron.py", "03_convolution.py", "04_fashion_mnist.py"])
def test_an_example_learns_to_read(script: str, idx_folder: Path, tmp_path: Path) -> None:
    done = run(script, str(idx_folder), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert shares(next(line for line in lines if "of the test pictures" in line))[0] > 60


def test_the_example_with_dropout_compares_two_networks(idx_folder: Path, tmp_path: Path) -> None:
    done = run("02_dropout.py", str(idx_folder), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    without, with_dropout = done.stdout.splitlines()
    assert without.startswith("dropout 0.0: ")
    assert with_dropout.startswith("dropout 0.5: ")
    assert min(shares(without)) > 60


def test_the_example_with_own_pictures_makes_a_model_that_reads_them(tmp_path: Path) -> None:
    pictures, digits = practice_pictures(60, seed=1)
    for number, (picture, digit) in enumerate(zip(pictures, digits, strict=True)):
        path = tmp_path / "mine" / str(digit) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        dark_on_light = 255 - np.rint(picture[..., 0] * 255).astype(np.uint8)
        Image.fromarray(dark_on_light).resize((140, 140)).save(path)
    done = run("05_own_pictures.py", "mine", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    classifier = DigitClassifier.load(tmp_path / "own-pictures.pkl")
    files = list(tmp_path.glob("mine/*/*.png"))
    assert len(files) == 60
    assert sum(classifier.predict(file).prediction == int(file.parent.name) for file in files) > 45


def test_the_example_with_own_pictures_says_what_it_needs(tmp_path: Path) -> None:
    done = run("05_own_pictures.py", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: python ")
