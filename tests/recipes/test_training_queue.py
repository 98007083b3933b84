"""The queue of trainings, with real processes: one at a time, however many ask, and whatever becomes of it.

The trainings here are shell commands that wait; tests/browser/test_train.py has real ones.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time

import pytest

from mnistweb.recipes import training_queue
from mnistweb.recipes.errors import RunError
from mnistweb.recipes.files import load_recipe
from mnistweb.recipes.live import CONTROL, PAUSE, STOP, wish
from mnistweb.recipes.runs import MODEL, SETTINGS, read_settings
from mnistweb.recipes.training_queue import TakenError, TrainingQueue


@pytest.fixture(autouse=True)
def instance(tmp_path, monkeypatch):
    monkeypatch.setattr(training_queue, "_COMMAND", ("sh", "-c", "exec sleep 60"))
    yield tmp_path
    state = TrainingQueue(tmp_path).look()
    for entry in [*state.waiting, state.current]:
        if entry:
            TrainingQueue(tmp_path).stop(entry.run)


@pytest.fixture
def queue(instance):
    return TrainingQueue(instance)


def recipe(name="own"):
    return load_recipe("mlp-64", {"name": name})


def names(state):
    return state.current and state.current.name, [each.name for each in state.waiting]


def until_nothing_runs(queue, seconds=10.0):
    deadline = time.monotonic() + seconds
    while queue._is_running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not queue._is_running()


def test_the_first_runs_and_the_others_wait_in_order(queue):
    first = queue.add(recipe("a"))
    for name in ("b", "c"):
        queue.add(recipe(name))
    state = queue.look()
    assert names(state) == ("a", ["b", "c"])
    assert os.getsid(state.current.pid) == state.current.pid  # not the session that the server ends with
    assert read_settings(queue.folder_of(first.run)) == recipe("a")


def test_the_same_training_is_not_started_twice_however_many_ask_at_once(instance):
    outcomes = []

    def ask():
        try:
            outcomes.append(TrainingQueue(instance).add(recipe()))
        except TakenError as problem:
            outcomes.append(str(problem))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusals = [each for each in outcomes if isinstance(each, str)]
    assert refusals == ["own is being trained already, so it was not started a second time"] * 7
    assert names(TrainingQueue(instance).look()) == ("own", [])
    assert len(list((instance / "runs").iterdir())) == 1


def test_a_name_that_a_model_has_is_refused(queue, instance):
    with pytest.raises(TakenError, match="there is a model own already; choose another name"):
        queue.add(recipe(), taken=["own"])
    (instance / "own.pkl").touch()
    with pytest.raises(TakenError, match="there is a model own already"):
        queue.add(recipe())


def test_when_a_training_has_ended_the_next_begins(queue, monkeypatch):
    monkeypatch.setattr(training_queue, "_COMMAND", ("sh", "-c", "exit 0"))
    queue.add(recipe("a"))
    until_nothing_runs(queue)
    monkeypatch.setattr(training_queue, "_COMMAND", ("sh", "-c", "exec sleep 60"))
    queue.add(recipe("b"))
    state = queue.look()
    assert names(state) == ("b", [])
    assert [each.name for each in state.ended] == ["a"]


def test_a_training_that_was_killed_is_not_taken_for_one_that_runs(queue):
    queue.add(recipe("a"))
    queue.add(recipe("b"))
    os.kill(queue.look().current.pid, signal.SIGKILL)
    until_nothing_runs(queue)
    state = queue.look()
    assert names(state) == ("b", [])
    assert [each.name for each in state.ended] == ["a"]


def test_stopping_ends_the_process_and_the_next_begins_at_once(queue):
    first, second = queue.add(recipe("a")), queue.add(recipe("b"))
    queue.stop(first.run)
    assert names(queue.look()) == ("b", [])
    assert wish(queue.folder_of(first.run)) == STOP
    queue.stop(second.run)
    assert names(queue.look()) == (None, [])


def test_a_training_that_waits_leaves_the_queue_without_a_trace(queue):
    queue.add(recipe("a"))
    second = queue.add(recipe("b"))
    queue.stop(second.run)
    assert names(queue.look()) == ("a", [])
    assert not queue.folder_of(second.run).exists()
    with pytest.raises(RunError, match="neither under way nor waiting"):
        queue.stop(second.run)


def test_pausing_leaves_a_word_for_the_training_and_resuming_takes_it_back(queue):
    first, second = queue.add(recipe("a")), queue.add(recipe("b"))
    queue.pause(first.run)
    assert wish(queue.folder_of(first.run)) == PAUSE
    queue.resume(first.run)
    assert wish(queue.folder_of(first.run)) == ""
    with pytest.raises(RunError, match="is not under way"):
        queue.pause(second.run)


def test_a_stopped_training_is_resumed_in_its_turn_and_once(queue):
    first, second = queue.add(recipe("a")), queue.add(recipe("b"))
    queue.stop(first.run)
    queue.resume(first.run)
    assert names(queue.look()) == ("b", ["a"])
    with pytest.raises(RunError, match="cannot be resumed"):
        queue.resume(first.run)
    queue.stop(second.run)
    assert names(queue.look()) == ("a", [])
    assert not (queue.folder_of(first.run) / CONTROL).exists()


def test_a_training_that_is_done_is_not_resumed(queue):
    first = queue.add(recipe("a"))
    queue.stop(first.run)
    (queue.folder_of(first.run) / MODEL).touch()
    with pytest.raises(RunError, match="cannot be resumed"):
        queue.resume(first.run)


def test_a_name_that_was_taken_meanwhile_keeps_a_training_from_being_resumed(queue):
    first = queue.add(recipe("a"))
    queue.stop(first.run)
    with pytest.raises(TakenError, match="there is a model a already"):
        queue.resume(first.run, taken=["a"])


@pytest.mark.parametrize("content", [b"", b"[]", b'{"current": 3}', b"\xff"])
def test_a_queue_file_that_is_not_ours_is_an_empty_queue(queue, instance, content):
    (instance / "training").mkdir()
    (instance / "training" / "queue.json").write_bytes(content)
    assert names(queue.look()) == (None, [])


def test_a_folder_that_cannot_be_written_still_says_that_nothing_runs(instance):
    (instance / "training").touch()  # not even root makes a folder of that name now
    assert names(TrainingQueue(instance).look()) == (None, [])
    with pytest.raises(OSError, match="exists"):
        TrainingQueue(instance).add(recipe())


def test_on_a_full_disk_all_is_told_and_a_training_can_be_stopped(queue, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    first, second = queue.add(recipe("a")), queue.add(recipe("b"))
    monkeypatch.setattr(training_queue, "write_atomically", full)
    monkeypatch.setattr(training_queue, "note_start", full)
    assert names(queue.look()) == ("a", ["b"])
    with pytest.raises(OSError, match="No space left"):
        queue.stop(first.run)
    until_nothing_runs(queue)
    state = queue.look()
    assert names(state) == (None, ["b"])  # which can't be started before there is room
    assert [each.name for each in state.ended] == ["a"]
    monkeypatch.undo()
    monkeypatch.setattr(training_queue, "_COMMAND", ("sh", "-c", "exec sleep 60"))
    assert queue.look().current.run == second.run


def test_only_so_many_ended_trainings_are_remembered(queue, monkeypatch):
    monkeypatch.setattr(training_queue, "_KEPT", 2)
    for name in ("a", "b", "c"):
        queue.stop(queue.add(recipe(name)).run)
    state = queue.look()
    assert [each.name for each in state.ended] == ["c", "b"]
    assert all((queue.folder_of(each.run) / SETTINGS).exists() for each in state.ended)
