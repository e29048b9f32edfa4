"""Work that is killed, or cannot write: the state before is there, and the work goes on from it."""

import errno
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fer_lab import experiment as frame
from fer_lab.experiment import Experiment
from fer_lab.run import do
from fer_utils import data, train
from fer_utils.errors import FerError
from fer_utils.train.history import History
from tests.interruptions import WORKS, check_readable
from tests.test_experiment import ARMS, settings
from tests.test_train import QUICK, small_net, stripes, weights

ROOT = Path(__file__).resolve().parents[1]


def kill_all(folder, moments, seed):
    """Kill each work at so many moments: all of them in one process, which is slow to start."""
    words = [sys.executable, "-m", "tests.interruptions", str(folder)]
    words += ["--moments", str(moments), "--seed", str(seed)]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **threads}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    killed = dict(re.findall(r"(\w+): killed (\d+) times", done.stdout))
    assert killed == dict.fromkeys(WORKS, str(moments))


can_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@can_fork
def test_killed_work_goes_on_to_the_same_numbers(tmp_path):
    kill_all(tmp_path, 3, seed=1)


@can_fork
@pytest.mark.fuzz
def test_work_killed_at_many_moments_goes_on_to_the_same_numbers(tmp_path):
    kill_all(
        tmp_path,
        *(int(os.environ.get(f"FUZZ_{name}", n)) for name, n in (("MOMENTS", 50), ("SEED", 0))),
    )


class FullDisk:
    """Lets the n-th call that writes a file fail, half done."""

    def __init__(self, monkeypatch, number):
        self.number, self.calls = number, 0
        write, replace = Path.write_bytes, os.replace

        def half(path, content):
            self.count(lambda: write(path, content[: len(content) // 2]))
            return write(path, content)

        def rename(source, target):
            self.count(lambda: None)
            return replace(source, target)

        monkeypatch.setattr(Path, "write_bytes", half)
        monkeypatch.setattr(os, "replace", rename)

    def count(self, before):
        self.calls += 1
        if self.calls == self.number:
            before()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def each_write_fails(work, tmp_path, monkeypatch):
    """Let each write of a work fail once, and do it again; it must end as if nothing had been."""
    expected, number = work(tmp_path / "whole"), 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        with monkeypatch.context() as patched:
            disk = FullDisk(patched, number)
            try:
                assert work(folder) == expected
            except (OSError, FerError):
                assert disk.calls >= number
        check_readable(folder)
        if disk.calls < number:
            return number - 1
        assert work(folder) == expected
        check_readable(folder)


def trained(folder, epochs=2):
    net = small_net()
    faces = stripes(32, 0), stripes(16, 1, "valid")
    how = {"progress": False, "device": "cpu", "epochs": epochs}
    history = train.fit(net, *faces, QUICK, out=folder, **how)
    return weights(net).tolist(), [{**row, "seconds": 0} for row in history.epochs]


def test_a_training_survives_each_write_that_fails(tmp_path, monkeypatch):
    assert each_write_fails(trained, tmp_path, monkeypatch) == 2 + 2 * 6


def test_a_run_of_an_experiment_survives_each_write_that_fails(tmp_path, monkeypatch):
    def score(arm, seed, fit):
        faces = {"train": stripes(48, 0, "train"), "valid": stripes(16, 1, "valid")}
        history: History = fit(small_net(seed), faces, QUICK, epochs=1, device="cpu")
        return {"losses": [row["train_loss"] for row in history.epochs]}

    def work(folder):
        monkeypatch.setattr(frame, "ROOT", folder)
        (only,) = Experiment("one", ARMS[1:], (0,), settings, score, str, lambda rows: None).runs(
            (0,)
        )
        return do(only)

    # the owner of the lock, settings, whose turn it is, three files of an epoch, the record
    assert each_write_fails(work, tmp_path, monkeypatch) == 2 * (1 + 1 + 1 + 3 + 1)


def mounted(folder, size):
    """Mount a small file system in memory; whether that was allowed."""
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", size, "none", str(folder)]
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except OSError:
        return False


def test_a_training_goes_on_when_a_full_disk_has_room_again(tmp_path):
    expected, disk = trained(tmp_path / "whole"), tmp_path / "disk"
    size = sum(path.stat().st_size for path in (tmp_path / "whole").iterdir())
    # room for what an epoch leaves, and none for the next one's beside it
    if not mounted(disk, f"size={size + 20_000}"):
        pytest.skip("mounting is not allowed; the tests above let single writes fail")
    try:
        with pytest.raises((OSError, FerError)):
            trained(disk / "run")
        check_readable(disk)
        assert (disk / "run" / "last.pt").exists()
        assert mounted(disk, f"remount,size={10 * size}")
        assert trained(disk / "run") == expected
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("room", [0, 100, 5_000, 100_000, 200_000])
def test_a_cache_without_room_leaves_what_was_there(room, tmp_path, monkeypatch):
    """A file that must not grow beyond `room` bytes, as on a disk that has no more."""
    from PIL import Image

    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "faces" / "happy").mkdir(parents=True)
    for number in range(40):
        Image.new("L", (48, 48), number).save(tmp_path / "faces" / "happy" / f"{number}.png")

    def load(size):
        return data.load("folder", tmp_path / "faces", size=size, progress=False).digest

    before = load(32)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        if room < 40 * 64 * 64:
            with pytest.raises(FerError, match="do not fit into .*FER_UTILS_CACHE"):
                load(64)
        else:
            load(64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    check_readable(tmp_path / "cache")
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "other"))
    expected = load(64)
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    assert load(32) == before and load(64) == expected
