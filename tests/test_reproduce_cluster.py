"""The same runs on a cluster: two workers, one of which is killed at work."""

import csv
import json
import os
import signal
import sys
import time
from threading import Thread

import pytest

from fer_lab import cluster as remote
from fer_lab import reproduce
from fer_lab.reproduce.jobs import Job
from fer_lab.run import RunLock, TakenOverError, do
from fer_utils import __main__, data, papers
from fer_utils.errors import FerError
from tests import small_fer2013

ALESSI = "alessi2019:text:happy"
EPOCHS = 8


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    folder = small_fer2013.write(tmp_path / "data" / "fer2013", (32, 16, 16))
    data.load("fer2013", folder, progress=False)  # the workers find it in the cache
    return folder


def kill_whoever_has_begun(out, killed):
    """Kill the worker of the first run that has finished an epoch and is not done."""
    while not killed:
        for folder in out.glob("*/seed*"):
            if (folder / "last.pt").exists() and not (folder / "run.json").exists():
                process = json.loads((folder / "sitting.json").read_text())["process"]
                os.kill(process, signal.SIGKILL)
                killed.append(folder.name)
                return
        time.sleep(0.05)


def test_a_worker_that_dies_loses_nothing_and_doubles_nothing(tmp_path, root, capsys):
    from distributed import LocalCluster

    out, figures, killed = tmp_path / "out", tmp_path / "figures", []
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        Thread(target=kill_whoever_has_begun, args=(out, killed), daemon=True).start()
        words = ["reproduce", ALESSI, "--data", str(root), "--runs", "2", "--epochs", str(EPOCHS)]
        words += ["--out", str(out), "--figures", str(figures)]
        assert __main__.main([*words, "--scheduler", cluster.scheduler_address]) == 0
    assert len(killed) == 1
    records = reproduce.finished(out)
    assert [record["seed"] for record in records] == [0, 1]
    for record in records:
        assert [row["epoch"] for row in record["curve"]] == list(range(1, EPOCHS + 1))
        assert (record["sittings"] > 1) == (f"seed{record['seed']}" in killed)
    lines = (figures / "claims.csv").read_text().splitlines()[1:]
    rows = [row for row in csv.DictReader(lines) if row["key"] == ALESSI]
    assert [row["runs"] for row in rows] == ["2"]
    assert len(list((figures / "runs").iterdir())) == 2

    # The run that moved to another worker ends as one that was never disturbed.
    seed = int(killed[0].removeprefix("seed"))
    alone = do(Job(ALESSI, seed, tmp_path / "alone", root, EPOCHS, threads=1), False)
    assert alone["confusion"] == records[seed]["confusion"]
    losses = [[row["train_loss"] for row in one["curve"]] for one in (alone, records[seed])]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(FerError, match=r"\[cluster\]"):
        remote.connect("tcp://127.0.0.1:1")


def test_without_a_scheduler_the_error_says_so(monkeypatch):
    monkeypatch.setattr(remote, "_SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(FerError, match="no Dask scheduler answers at tcp://127.0.0.1:1"):
        remote.connect("tcp://127.0.0.1:1")


class Client:
    """What `withdraw` and `has_gpus` use of Dask's client."""

    def __init__(self, workers=()):
        self.workers, self.cancelled = workers, []

    def cancel(self, futures):
        self.cancelled += futures

    def scheduler_info(self, n_workers):
        return {"workers": {str(i): {"resources": one} for i, one in enumerate(self.workers)}}


def test_jobs_ask_for_a_gpu_where_workers_offer_them():
    assert remote.has_gpus(Client([{}, {"GPU": 1}]))
    assert not remote.has_gpus(Client([{}, {}]))


def test_an_interrupted_cluster_stops_at_the_end_of_an_epoch(tmp_path):
    begun, waiting = (Job(papers.CLAIMS[0].key, seed, tmp_path) for seed in range(2))
    begun.folder.mkdir(parents=True)
    at_work, client = RunLock(begun.folder), Client()
    at_work.check()
    remote.withdraw(client, {"one": begun, "two": waiting})
    assert client.cancelled == ["one", "two"] and not waiting.folder.exists()
    with pytest.raises(TakenOverError):
        at_work.check()


def test_what_fails_on_a_worker_is_told_with_its_run(tmp_path):
    job = Job(ALESSI, 2, tmp_path)
    assert str(remote.as_error(job, KeyError("x"))) == f"{ALESSI}, seed 2: KeyError: 'x'"
    known = FerError("known")
    assert remote.as_error(job, known) is known
