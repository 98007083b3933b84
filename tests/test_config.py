"""Settings: where they come from, which goes over which, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnistweb import config
from mnistweb.config import SETTINGS, SettingError, load_settings, settings_of_the_server

DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(f"MNISTWEB_{name}", raising=False)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "no-instance") == DEFAULTS


def test_each_setting_has_a_default_that_it_takes_and_one_sentence() -> None:
    assert len(DEFAULTS) == len(SETTINGS)
    for setting in SETTINGS:
        assert setting.checked(setting.default) == setting.default
        assert setting.name.isupper()
        assert setting.sentence.endswith(".")


def test_file_environment_and_caller_go_over_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.py").write_text(
        "PORT = 1001\nWORKERS = 3\nTHREADS = 2 * 4\nlower = 1\nSECRET_KEY = 'x'\n"
    )
    monkeypatch.setenv("MNISTWEB_PORT", "1002")
    monkeypatch.setenv("MNISTWEB_WORKERS", "5")
    found = load_settings(tmp_path, {"PORT": 1003})
    assert (found["PORT"], found["WORKERS"], found["THREADS"]) == (1003, 5, 8)
    assert found["SECRET_KEY"] == "x"
    assert "lower" not in found


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("PORT", "9000", 9000),
        ("REQUEST_TIMEOUT_SECONDS", "0.5", 0.5),
        ("REQUEST_TIMEOUT_SECONDS", "2", 2),
        ("DEFAULT_MODEL", "123", "123"),
        ("LOG_FORMAT", "json", "json"),
        ("TRUSTED_HOSTS", '["a.example", ".b.example"]', ["a.example", ".b.example"]),
        ("TRUSTED_HOSTS", "null", None),
    ],
)
def test_the_environment_is_read_in_the_settings_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: object
) -> None:
    monkeypatch.setenv(f"MNISTWEB_{variable}", text)
    assert load_settings(tmp_path)[variable] == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "many", "PORT is 'many'; wanted is a whole number"),
        ("PORT", -1, "at least 0"),
        ("PORT", 65536, "PORT is 65536; wanted is a whole number of at least 0 and at most 65535"),
        ("PORT", "tcp://10.0.0.1:80", "PORT is 'tcp://10.0.0.1:80'; wanted is a whole number"),
        ("PORT", 1.5, "whole number"),
        ("PORT", True, "whole number"),
        ("WORKERS", 0, "at least 1"),
        ("REQUEST_TIMEOUT_SECONDS", 0, "at least 0.1"),
        ("LOG_FORMAT", "xml", "one of auto, json, text, off"),
        ("DEFAULT_MODEL", 3, "a word"),
        ("WEIGHTS_FOLDERS", "/weights", "a list of words"),
        ("WEIGHTS_FOLDERS", [""], "a list of words"),
        ("TRUSTED_HOSTS", "a.example", "a list of 1 or more host names"),
        ("TRUSTED_HOSTS", [1], "a list of 1 or more host names"),
        ("TRUSTED_HOSTS", [], r"TRUSTED_HOSTS is \[\]; .* or leave it unset"),
        ("TRUSTED_HOSTS", ["a..example"], "a list of 1 or more host names"),
        ("TRUSTED_HOSTS", ["."], "a list of 1 or more host names"),
    ],
)
def test_a_value_that_a_setting_cannot_have_is_refused(
    tmp_path: Path, name: str, value: object, words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        load_settings(tmp_path, {name: value})


def test_a_misspelt_variable_is_refused_with_the_right_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTWEB_WORKER", "4")
    with pytest.raises(SettingError, match="did you mean MNISTWEB_WORKERS"):
        load_settings(tmp_path)


def test_variables_of_other_programs_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MNISTWEB_INSTANCE", "MNISTWEB_DATA_DIR", "MNISTWEB_IMAGE", "OTHER_PORT"):
        monkeypatch.setenv(name, "/x")
    assert load_settings(tmp_path) == DEFAULTS


@pytest.mark.parametrize("source", ["PORT = ", "import nothing_of_the_kind", "1 / 0"])
def test_a_config_file_that_does_not_run_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "config.py").write_text(source)
    with pytest.raises(SettingError, match=r"config\.py in the instance folder does not run"):
        load_settings(tmp_path)


def test_a_server_that_asks_again_keeps_its_settings_when_the_new_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "_latest", None)
    file = tmp_path / "config.py"
    file.write_text("WORKERS = 'many'")
    with pytest.raises(SettingError, match="WORKERS is 'many'"):
        settings_of_the_server(tmp_path)
    file.write_text("WORKERS = 3")
    assert settings_of_the_server(tmp_path)["WORKERS"] == 3
    file.write_text("WORKERS = 'many'")
    assert settings_of_the_server(tmp_path)["WORKERS"] == 3
    file.write_text("WORKERS = 4")
    assert settings_of_the_server(tmp_path)["WORKERS"] == 4
