"""One program at a time: who holds a folder is named, and a dead one holds nothing."""

import errno
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import filelock
import pytest

from fer_lab import run as runs
from fer_lab.cluster import outcomes
from fer_utils.errors import FerError
from fer_utils.locks import LOCK, InUseError, hold
from tests.test_train import run, small_net

HOLD = """
import sys
from pathlib import Path
from fer_utils.locks import hold

with hold(Path(sys.argv[1]), sent=sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_program(lock, sent=""):
    """Another process that holds the lock until its input is closed."""
    words = [sys.executable, "-c", HOLD, str(lock), sent]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=Path(__file__).parents[1], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_program_is_told_who_holds_the_folder(tmp_path):
    with another_program(tmp_path / LOCK) as other:
        who = rf"in use by process {other.pid} on {socket.gethostname()} since \d{{4}}-"
        with pytest.raises(InUseError, match=who), hold(tmp_path / LOCK):
            pass
        with pytest.raises(InUseError, match=who):
            run(small_net(), out=tmp_path, epochs=1)
        assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == []


def test_the_lock_of_a_killed_program_is_free_and_its_rests_are_cleared_away(tmp_path):
    with another_program(tmp_path / LOCK) as other:
        other.kill()
        other.wait()
        (tmp_path / ".last.pt.123.part").write_text("half")
        assert (tmp_path / f"{LOCK}.json").exists()
        with hold(tmp_path / LOCK) as waited:
            assert not waited and not list(tmp_path.glob(".*.part"))
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_one_thread_may_hold_a_lock_twice(tmp_path):
    with hold(tmp_path / LOCK):
        with hold(tmp_path / "." / LOCK):
            pass
        assert (tmp_path / f"{LOCK}.json").exists()


def test_a_program_may_wait_for_the_other(tmp_path, capsys):
    with another_program(tmp_path / LOCK) as other:
        timer = Timer(0.3, other.stdin.close)
        timer.start()
        with hold(tmp_path / LOCK, wait=True) as waited:
            assert waited
        timer.join()
    assert f"waiting for process {other.pid} on" in capsys.readouterr().out


class Done:
    """A run that is done, or will be after so many times that it is asked for."""

    def __init__(self, folder, after):
        self.folder, self.file, self.throwaway, self.asked = folder, folder, False, 0
        self.after, self.name = after, folder.name

    def finished(self):
        self.asked += 1
        return {"name": self.name} if self.asked > self.after else None


def test_a_run_that_another_program_is_at_comes_last_and_is_read_when_that_has_ended(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(runs, "say_what_is_damaged", lambda run: None)
    monkeypatch.setattr(runs, "claim_folder", lambda run: None)
    shared, other = Done(tmp_path / "base", after=1), Done(tmp_path / "other", after=0)
    shared.folder.mkdir()
    with another_program(shared.folder / LOCK) as holder:
        timer = Timer(0.3, holder.stdin.close)
        found = []
        for run, outcome in outcomes([shared, other]):
            found.append((run, outcome))
            if run is other:
                timer.start()
        timer.join()
    assert found == [(other, {"name": "other"}), (shared, {"name": "base"})]
    assert f"waiting for process {holder.pid} on" in capsys.readouterr().out


def test_a_cluster_may_go_on_where_it_sent_the_same_work_before(tmp_path):
    with another_program(tmp_path / LOCK, sent="job-1"):
        with hold(tmp_path / LOCK, sent="job-1"), hold(tmp_path / LOCK):
            pass
        with pytest.raises(InUseError), hold(tmp_path / LOCK, sent="job-2"):
            pass


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EROFS, ""), (errno.ENOLCK, "cannot be locked")], ids=str
)
def test_where_nothing_can_be_locked_work_goes_on(tmp_path, monkeypatch, capsys, number, said):
    def refuse(self, timeout=None):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with hold(tmp_path / LOCK):
        assert list(tmp_path.iterdir()) == []
    out = capsys.readouterr().out
    assert said in out and bool(said) == bool(out)


def test_who_is_refused_can_be_told_by_another_process():
    import pickle

    assert isinstance(pickle.loads(pickle.dumps(InUseError("x"))), FerError)
