"""Files in the instance folder survive a killed writer, a full disk and other writers.

What a reader finds is the old file or the new one. `python -m tests.fuzz.killed_writers` kills 1,000 writers.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mnistweb.files import remove_leftovers, write_atomically

CHECKOUT = Path(__file__).resolve().parents[1]


def test_killed_writers_leave_the_old_file_or_the_new_one():
    """Guard: the rename in write_atomically. In a process of its own, since it forks."""
    command = [sys.executable, "-m", "tests.fuzz.killed_writers", "--kills", "12"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'weights': 12, 'checkpoint': 12, 'cache': 12, 'debug image': 12" in done.stdout


def test_all_that_the_program_keeps_is_written_by_write_atomically():
    """The others are told: what is no file for a reader, or is nobody's once its process ends."""
    others = {
        "mnistweb/files.py": "it is write_atomically",
        "mnistweb/web/shared_counts.py": "mapped into memory, removed as the server ends",
        "mnistweb/web/running.py": "locked and written in place; its reader reads again",
        "mnistweb/recipes/live.py": "room for a training's last words on a full disk, taken early",
        "mnistweb/recipes/training_queue.py": "a lock, and a log that grows",
        "mnistweb/data/transfer.py": "a download that goes on where it ended; its hash is checked",
    }
    writing = re.compile(
        r"open\([^)\n]*[\"'][wax]b?\+?[\"']|\.write_(bytes|text)\(|np\.save\w*\((?!buffer|stream|\n)"
    )
    found = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "mnistweb").rglob("*.py")
        if writing.search(path.read_text())
    }
    assert found <= set(others), found - set(others)


def test_leftovers_of_a_writer_that_lives_stay(tmp_path, monkeypatch):
    """Guard: the lock on what is not finished; a server may start while a model is imported."""
    real = os.fsync
    removed = []

    def another_starts(descriptor: int) -> None:
        removed.append(remove_leftovers(tmp_path))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", another_starts)
    write_atomically(tmp_path / "model.pkl", b"new")
    assert removed == [0, 0]
    assert (tmp_path / "model.pkl").read_bytes() == b"new"


def test_leftovers_that_cannot_be_removed_stop_nobody(tmp_path, monkeypatch):
    """Guard: the suppressed OSError in remove_leftovers; a server starts with a read-only folder too."""
    (tmp_path / ".mnistweb-model.pkl-abc.partial").write_bytes(b"half")

    def fail(path: object, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", fail)
    assert remove_leftovers(tmp_path) == 0


def test_leftovers_of_killed_writers_are_removed_and_nothing_else_is(tmp_path):
    (tmp_path / ".mnistweb-model.pkl-abc123.partial").write_bytes(b"half")
    (tmp_path / ".mnistweb-curves.csv-x.partial").write_bytes(b"half")
    for name in ("model.pkl", "notes.partial", ".hidden"):
        (tmp_path / name).write_bytes(b"kept")
    (tmp_path / "debug-images").mkdir()
    (tmp_path / "debug-images" / ".mnistweb-a.png-x.partial").write_bytes(b"half")
    assert remove_leftovers(tmp_path) == 3
    assert sorted(os.listdir(tmp_path)) == [".hidden", "debug-images", "model.pkl", "notes.partial"]
    assert remove_leftovers(tmp_path) == 0
    assert remove_leftovers(tmp_path / "none") == 0


def test_a_written_file_is_there_with_its_bytes_and_readable_by_others(tmp_path):
    path = tmp_path / "new" / "folder" / "model.pkl"
    write_atomically(path, b"first")
    write_atomically(str(path), b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["model.pkl"]


# ------------------------------------------------------------------ no space left


def test_a_real_limit_on_file_size_leaves_the_old_file(tmp_path):
    """Guard: the clean-up in write_atomically. The operating system itself refuses to let the file grow."""
    path = tmp_path / "model.pkl"
    write_atomically(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 1, 4096, 65_536, 299_999):
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(OSError, match=f"File too large: '{path}'"):
                write_atomically(path, bytes(300_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["model.pkl"]


STEPS = ["mkdir", "open", "fdopen", "fsync", "chmod", "replace"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_an_error_at_any_step_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step, code):
    """Guard: the clean-up in write_atomically."""
    path = tmp_path / "model.pkl"
    write_atomically(path, b"old")

    def fail(*arguments: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        wanted = path if step != "mkdir" else tmp_path / "deeper" / "model.pkl"
        with pytest.raises(OSError, match=f"{os.strerror(code)}: '{wanted}'"):
            write_atomically(wanted, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.pkl"]


class _FullDisk:
    """A file that takes `room` bytes and then says that no space is left."""

    def __init__(self, file, room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: bytes) -> int:
        if len(data) > self._room:
            self._file.write(data[: self._room])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def __getattr__(self, name: str):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *details: object) -> None:
        self._file.close()


def test_no_space_left_after_any_number_of_bytes_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pkl"
    write_atomically(path, b"old")
    real = os.fdopen
    for room in range(40):
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdopen", lambda *a, room=room: _FullDisk(real(*a), room))
            with pytest.raises(OSError, match="No space left"):
                write_atomically(path, bytes(40))
        assert path.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["model.pkl"]


def test_a_full_file_system_leaves_the_old_file(tmp_path):
    """A real one of 1 MB, where mounting is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        write_atomically(disk / "model.pkl", bytes(400_000))
        for size in (700_000, 2_000_000):
            with pytest.raises(OSError, match="No space left"):
                write_atomically(disk / "model.pkl", b"x" * size)
            assert (disk / "model.pkl").read_bytes() == bytes(400_000)
            assert os.listdir(disk) == ["model.pkl"]
    finally:
        subprocess.run(["umount", disk], check=True)


# ------------------------------------------------------------------ order and company


def test_the_data_is_flushed_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    """Guard: both calls of fsync; after a power cut a rename without them may point to an empty file."""
    steps: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (steps.append(name), real(*a))[1])
    write_atomically(tmp_path / "model.pkl", b"new")
    assert steps == ["fsync", "replace", "fsync"]


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    """Guard: the suppressed OSError in _flush_folder; by then the new file is in its place."""
    real = os.fsync

    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    write_atomically(tmp_path / "model.pkl", b"new")
    assert (tmp_path / "model.pkl").read_bytes() == b"new"


def test_an_interrupted_write_is_cleaned_up(tmp_path, monkeypatch):
    """Guard: `except BaseException`; Ctrl-C is no OSError."""
    path = tmp_path / "model.pkl"
    write_atomically(path, b"old")

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.pkl"]


def test_readers_and_many_writers_see_whole_files_only(tmp_path):
    path = tmp_path / "model.pkl"
    write_atomically(path, bytes(50_000))
    stop = threading.Event()

    def write(byte: int) -> None:
        while not stop.is_set():
            write_atomically(path, bytes([byte]) * 50_000)

    writers = [threading.Thread(target=write, args=(byte,)) for byte in range(1, 5)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(200):
            content = path.read_bytes()
            assert content == content[:1] * 50_000
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert os.listdir(tmp_path) == ["model.pkl"]
