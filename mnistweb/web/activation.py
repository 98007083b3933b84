"""Make a model the default one of this installation, and let the running servers take it without a pause.

Everything is tried before a server is asked: the file is read, and all models are loaded as a server will.
When a server refuses all the same, the folder is put back as it was, and the servers with it.
"""

from __future__ import annotations

from pathlib import Path

from mnistweb.config import load_settings
from mnistweb.files import write_atomically
from mnistweb.inference import ModelRegistry
from mnistweb.resources import instance_folder
from mnistweb.web.loaded import weights_folders
from mnistweb.web.running import RunningServer, reload_servers, running_servers
from mnistweb.weights import SavedModel, WeightsError
from mnistweb.weights.installed import active_model_file, install_model, installed_files


class ActivationError(WeightsError):
    """A model could not become the default one; the earlier one still is."""


def activate(saved: SavedModel, *, replace: bool = False) -> list[RunningServer]:
    """Make `saved` the default model and reload the servers of the instance folder; returns those.

    A model from a file elsewhere is copied into the instance folder, with `replace` over an installed one of
    its name.

    Raises ActivationError when the setting DEFAULT_MODEL names another model or a server refuses,
    WeightsError for a name that is taken or a broken file beside it, UnknownModelError when the model is in
    none of WEIGHTS_FOLDERS, OSError when the folder can't be written. All is then as it was.
    """
    folder = instance_folder()
    settings = load_settings(folder)
    if settings["DEFAULT_MODEL"] not in ("", saved.name):
        raise ActivationError(
            f"the setting DEFAULT_MODEL names {settings['DEFAULT_MODEL']!r} and comes first; unset it"
        )
    active = active_model_file(folder)
    before = {path: _content(path) for path in (folder / f"{saved.name}.pkl", active)}
    reloaded: list[RunningServer] = []
    try:
        at_home = saved.path is not None and saved.path.resolve() in installed_files()
        installed = saved if at_home else install_model(saved, replace=replace)
        write_atomically(active, f"{saved.name}\n".encode())
        ModelRegistry.load_folders(weights_folders(settings, folder), instance=folder)
        reloaded = reload_servers(running_servers(folder), folder)
        for server in reloaded:
            _check(server, installed)
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            elif content != _content(path):
                write_atomically(path, content)
        reload_servers([each for each in reloaded if not each.problem], folder)
        raise
    return reloaded


def _check(server: RunningServer, wanted: SavedModel) -> None:
    if server.problem:
        raise ActivationError(f"the server {server.pid} refused: {server.problem}")
    if server.sha256 not in ("", wanted.sha256):
        raise ActivationError(
            f"the server {server.pid} answers with {server.default!r} all the same: "
            "its settings DEFAULT_MODEL or WEIGHTS_FOLDERS name others"
        )


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
