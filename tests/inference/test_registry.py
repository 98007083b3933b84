"""The registry loads folders of weights once, refuses broken ones by name, and knows the default."""

from __future__ import annotations

from pathlib import Path

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
    models = ModelRegistry.load_folders([tmp_path / "a", tmp_path / "b", tmp_path / "nowhere"])
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
