"""The registry loads folders of weights once, refuses broken ones by name, and knows the default."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnistweb.inference import DigitClassifier, ModelRegistry, NoModelError, UnknownModelError
from mnistweb.weights import WeightsError, write_model
from tests.inference.conftest import saved


def classifier(name: str, accuracy: object = None) -> DigitClassifier:
    training = {} if accuracy is None else {"validation_accuracy": accuracy}
    return DigitClassifier(saved(name, training=training))


def test_all_weights_of_all_folders_are_loaded(tmp_path: Path) -> None:
    write_model(tmp_path / "a" / "one.pkl", saved("one"))
    write_model(tmp_path / "b" / "two.pkl", saved("two"))
    models = ModelRegistry.load_folders([tmp_path / "a", tmp_path / "b"])
    assert sorted(models.names) == ["one", "two"]
    assert len(models) == 2


def test_a_later_folder_replaces_a_model_of_the_same_name(tmp_path: Path) -> None:
    write_model(tmp_path / "shipped" / "net.pkl", saved("net", seed=1))
    write_model(tmp_path / "mine" / "net.pkl", saved("net", seed=2, training={"mine": True}))
    models = ModelRegistry.load_folders([tmp_path / "shipped", tmp_path / "mine"])
    assert models.get("net").saved.training == {"mine": True}


def test_the_same_folder_given_twice_is_read_once(tmp_path: Path) -> None:
    write_model(tmp_path / "net.pkl", saved("net"))
    assert ModelRegistry.load_folders([tmp_path, tmp_path / "."]).names == ["net"]


def test_two_files_of_one_name_in_a_folder_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "first.pkl", saved("net"))
    write_model(tmp_path / "second.pkl", saved("net"))
    with pytest.raises(WeightsError, match=r"second\.pkl: .*'net'.*first\.pkl"):
        ModelRegistry.load_folders([tmp_path])


@pytest.mark.parametrize("reason", ["No such file", "Not a directory", "Permission denied"])
def test_a_folder_that_cannot_be_listed_is_refused_by_name(
    tmp_path: Path, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: model_files in weights/installed.py; Path.glob finds nothing there, and says nothing."""
    folder = tmp_path / "folder"
    if reason == "Not a directory":
        folder.write_text("")
    elif reason == "Permission denied":
        folder.mkdir()
        forbid(folder, monkeypatch)
    with pytest.raises(WeightsError, match=rf"/folder: .*cannot be listed: {reason}"):
        ModelRegistry.load_folders([folder])


def forbid(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a folder without rights is for all but root, who may run the tests."""
    real = os.listdir, os.scandir

    def refuse(function: Callable[[Any], Any], path: Any) -> Any:
        if path is not None and not isinstance(path, int) and Path(os.fsdecode(path)) == folder:
            raise PermissionError(13, "Permission denied", str(folder))
        return function(path)

    monkeypatch.setattr(os, "listdir", lambda path=".": refuse(real[0], path))
    monkeypatch.setattr(os, "scandir", lambda path=".": refuse(real[1], path))


def test_a_folder_that_may_be_absent_must_be_readable_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "shipped" / "net.pkl", saved("net"))
    own, below_a_file = tmp_path / "own", tmp_path / "shipped" / "net.pkl" / "own"
    for absent in (own, below_a_file):
        models = ModelRegistry.load_folders([tmp_path / "shipped", absent], may_be_absent=True)
        assert models.names == ["net"]
    own.mkdir()
    forbid(own, monkeypatch)
    with pytest.raises(WeightsError, match=r"/own: .*Permission denied"):
        ModelRegistry.load_folders([tmp_path / "shipped", own], may_be_absent=True)


def test_a_link_to_nothing_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "gone.pkl").symlink_to(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"/gone\.pkl: cannot be read: No such file"):
        ModelRegistry.load_folders([tmp_path])


@pytest.mark.parametrize("content", [b"mlp-64\xff\xfe", None])
def test_an_active_model_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, content: bytes | None
) -> None:
    write_model(tmp_path / "net.pkl", saved("net"))
    if content is None:
        (tmp_path / "active-model").mkdir()
    else:
        (tmp_path / "active-model").write_bytes(content)
    with pytest.raises(WeightsError, match=r"active-model: .*mnistweb weights activate"):
        ModelRegistry.load_folders([tmp_path], instance=tmp_path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x80\x04N."])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    write_model(tmp_path / "good.pkl", saved("good"))
    (tmp_path / "bad.pkl").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.pkl"):
        ModelRegistry.load_folders([tmp_path])


def test_convnet_is_the_default_when_it_is_there() -> None:
    models = ModelRegistry([classifier("mlp", 0.999), classifier("convnet", 0.9)])
    assert models.default == "convnet"
    assert models.names == ["convnet", "mlp"]


def test_a_model_of_other_things_is_the_default_only_when_none_reads_digits() -> None:
    clothes = DigitClassifier(
        saved("convnet", labels=tuple("abcdefghij"), training={"validation_accuracy": 1.0})
    )
    assert ModelRegistry([clothes, classifier("mlp", 0.5)]).default == "mlp"
    assert ModelRegistry([clothes]).default == "convnet"
    assert ModelRegistry([clothes, classifier("mlp")], default="convnet").default == "convnet"


def test_otherwise_the_best_on_validation_is_the_default() -> None:
    candidates = [classifier("a"), classifier("b", 0.98), classifier("c", 0.99), classifier("d", "unknown")]
    assert ModelRegistry(candidates).default == "c"


def test_the_default_can_be_named_and_must_be_there() -> None:
    assert ModelRegistry([classifier("a", 0.9), classifier("b", 0.1)], default="b").default == "b"
    with pytest.raises(UnknownModelError, match="'c'; loaded are a"):
        ModelRegistry([classifier("a")], default="c")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    models = ModelRegistry([classifier("a"), classifier("b")])
    with pytest.raises(UnknownModelError, match="'c'; loaded are a, b"):
        models.get("c")
    with pytest.raises(UnknownModelError, match="of that long name"):
        models.get("x" * 100_000)


def test_without_any_model_there_is_a_registry_that_says_so() -> None:
    models = ModelRegistry([])
    assert models.default == ""
    assert len(models) == 0
    with pytest.raises(NoModelError):
        models.get()
