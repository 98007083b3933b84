"""One training at a time in a process of its own, the rest in a queue; all of it in files, so it outlives us.

```
training/queue.json   the run that is under way, those that wait, and the last ones that ended
training/running      locked as long as a training runs: the file is its standard input
```

Any number of processes may use one queue. What one of them reads and writes it does alone, under a lock on
the folder; and since the lock on `running` belongs to the training process itself, it tells whether that
lives, however it ended and whoever was restarted meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mnistweb.files import write_atomically
from mnistweb.recipes.errors import RunError
from mnistweb.recipes.live import CONTROL, PAUSE, STOP, note_start
from mnistweb.recipes.recipe import Recipe
from mnistweb.recipes.runs import MODEL, new_run_folder, read_settings, write_settings

_KEPT = 8  # ended runs that are remembered here; their folders stay
_NICENESS = 5  # pages come first
_END_SECONDS = 5.0
_COMMAND = (sys.executable, "-m", "mnistweb", "train", "--resume", "--live", "--install", "--run-folder")


class TakenError(RunError):
    """The same training, or one of the same name, is under way or done already."""


@dataclass(frozen=True)
class Entry:
    """A run in the queue: its folder's name in `runs`, its model's name, and its process id once it runs."""

    run: str
    name: str
    pid: int = 0


@dataclass
class State:
    """What runs, what waits in order, and what ended, the latest first."""

    current: Entry | None = None
    waiting: list[Entry] = field(default_factory=list)
    ended: list[Entry] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        return [*([self.current] if self.current else []), *self.waiting, *self.ended]


class TrainingQueue:
    """The queue of an instance folder. What changes it raises OSError when the folder can't be written."""

    def __init__(self, instance: Path) -> None:
        self._instance = instance
        self._folder = instance / "training"

    def folder_of(self, run: str) -> Path:
        """The folder of a run in the queue."""
        return self._instance / "runs" / run

    def look(self) -> State:
        """What is going on now; when nothing runs and something waits, that is started.

        A disk that is full or can't be written raises nothing here: what is known is told all the same.
        """
        known = None
        with contextlib.suppress(OSError), self._alone() as state:
            known = state
        if known is None:
            known = self._read()
            with contextlib.suppress(OSError):
                self._note_end(known)
        return known

    def add(self, recipe: Recipe, *, taken: Collection[str] = ()) -> Entry:
        """Put a new training at the end of the queue; it begins at once when nothing runs.

        Raises TakenError when its name is one of `taken`, of a training that runs or waits, or of a model.
        """
        with self._alone() as state:
            self._check_name(recipe.name, state, taken)
            folder = new_run_folder(recipe.name, parent=self._instance / "runs")
            write_settings(folder, recipe)
            entry = Entry(folder.name, recipe.name)
            state.waiting.append(entry)
            return entry

    def resume(self, run: str, *, taken: Collection[str] = ()) -> None:
        """Go on with a run that is paused, was stopped or failed. Raises RunError or TakenError."""
        with self._alone() as state:
            folder = self.folder_of(run)
            if state.current and state.current.run == run:
                (folder / CONTROL).unlink(missing_ok=True)
                return
            entry = _find(state.ended, run)
            if entry is None or (folder / MODEL).exists():
                raise RunError(f"{run} cannot be resumed: it waits, is done, or is not one of the last ended")
            read_settings(folder)  # raises RunError when the folder has gone
            self._check_name(entry.name, state, taken)
            (folder / CONTROL).unlink(missing_ok=True)
            state.ended.remove(entry)
            state.waiting.append(Entry(entry.run, entry.name))

    def pause(self, run: str) -> None:
        """Hold the training that is under way until it is resumed. Raises RunError when it is another."""
        with self._alone() as state:
            if not state.current or state.current.run != run:
                raise RunError(f"{run} is not under way, so it cannot be paused")
            _write_control(self.folder_of(run), PAUSE)

    def stop(self, run: str) -> None:
        """End a training, its last checkpoint kept, or take it out of the queue. Raises RunError."""
        with self._alone() as state:
            folder = self.folder_of(run)
            if state.current and state.current.run == run:
                with contextlib.suppress(OSError):  # a disk that is full does not keep it from being stopped
                    _write_control(folder, STOP)
                self._end(state.current)
            elif entry := _find(state.waiting, run):
                state.waiting.remove(entry)
                if os.listdir(folder) == ["settings.toml"]:  # it never began: nothing is lost
                    shutil.rmtree(folder)
                else:
                    _write_control(folder, STOP)
                    state.ended.insert(0, entry)
            else:
                raise RunError(f"{run} is neither under way nor waiting")

    def _check_name(self, name: str, state: State, taken: Collection[str]) -> None:
        if any(entry.name == name for entry in [*state.waiting, *([state.current] if state.current else [])]):
            raise TakenError(f"{name} is being trained already, so it was not started a second time")
        if name in taken or (self._instance / f"{name}.pkl").exists():
            raise TakenError(f"there is a model {name} already; choose another name")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[State]:
        """The state, for one process and thread at a time; what was changed in it is written at the end."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self._read()
            before = json.dumps(asdict(state))
            self._advance(state)
            yield state
            self._advance(state)
            after = json.dumps(asdict(state))
            if after != before:
                write_atomically(self._folder / "queue.json", after.encode())
        finally:
            os.close(lock)

    def _read(self) -> State:
        try:
            found = json.loads((self._folder / "queue.json").read_bytes())
            current = found["current"]
            lists = ([Entry(**entry) for entry in found[key]] for key in ("waiting", "ended"))
            return State(Entry(**current) if current else None, *lists)
        except OSError:  # nothing was ever trained here
            return State()
        except (ValueError, TypeError, KeyError):  # not ours; the runs are in their folders
            return State()

    def _advance(self, state: State) -> None:
        """Take note of a training that has ended, and start the next."""
        self._note_end(state)
        if state.current is None and state.waiting and not self._is_running():
            state.current = self._start(state.waiting.pop(0))
        del state.ended[_KEPT:]

    def _note_end(self, state: State) -> None:
        if state.current and not self._is_running():
            state.ended.insert(0, state.current)
            state.current = None

    def _is_running(self) -> bool:
        with (self._folder / "running").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _start(self, entry: Entry) -> Entry:
        folder = self.folder_of(entry.run)
        note_start(folder)
        environment = {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}
        environment |= {"MNISTWEB_INSTANCE": str(self._instance), "PYTHONUNBUFFERED": "1"}
        with (self._folder / "running").open("ab") as lock, (folder / "train.log").open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                [*_COMMAND, str(folder)],
                stdin=lock,  # the lock is the process's own now, and held until it ends
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # a server that ends does not take it along
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)
        threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
        return Entry(entry.run, entry.name, process.pid)

    def _end(self, entry: Entry) -> None:
        """End the process and those that it started; a checkpoint is whole or not there, at any moment."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(entry.pid, number)
            deadline = time.monotonic() + _END_SECONDS
            while time.monotonic() < deadline:
                if not self._is_running():
                    return
                time.sleep(0.02)


def leave_queue(instance: Path) -> None:
    """For a training that is done: give the lock back and start the next one."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    TrainingQueue(instance).look()


def _find(entries: list[Entry], run: str) -> Entry | None:
    return next((entry for entry in entries if entry.run == run), None)


def _write_control(folder: Path, word: str) -> None:
    write_atomically(folder / CONTROL, word.encode())
