"""`make fuzz`: many runs on a cluster whose workers die, and memory that does not grow."""

import csv
import gc
import os
import random
import signal
from threading import Event, Thread

import numpy as np
import pytest
from PIL import Image

from fer_lab import reproduce
from fer_utils import __main__, data, models, widgets
from tests import small_fer2013

pytestmark = pytest.mark.fuzz

RUNS, SECONDS = (
    int(os.environ.get(f"FUZZ_{name}", n)) for name, n in (("RUNS", 40), ("SECONDS", 10))
)
SEED = int(os.environ.get("FUZZ_SEED", "0"))
KEY, EPOCHS = "alessi2019:text:happy", 8


def kill_one_now_and_then(cluster, over, killed):
    """Kill a worker that is at work every so many seconds, until the event `over` is set."""
    draw = random.Random(SEED)
    while not over.wait(SECONDS):
        living = [nanny.pid for nanny in list(cluster.workers.values()) if nanny.pid]
        if living:
            process = draw.choice(living)
            os.kill(process, signal.SIGKILL)
            killed.append(process)


def test_workers_that_die_lose_nothing_and_double_nothing(tmp_path, monkeypatch, capfd):
    from distributed import LocalCluster

    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    root = small_fer2013.write(tmp_path / "data" / "fer2013", (96, 48, 48))
    data.load("fer2013", root, progress=False)
    out, figures, over, killed = tmp_path / "out", tmp_path / "figures", Event(), []
    with LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster:
        # a run that four deaths in a row hit is no fault of the run's
        cluster.scheduler.allowed_failures = 100
        killer = Thread(target=kill_one_now_and_then, args=(cluster, over, killed))
        killer.start()
        words = ["reproduce", KEY, "--data", str(root), "--runs", str(RUNS), "--threads", "1"]
        words += ["--epochs", str(EPOCHS), "--out", str(out), "--figures", str(figures)]
        try:
            code = __main__.main([*words, "--scheduler", cluster.scheduler_address])
        finally:
            over.set()
            killer.join()
    said = capfd.readouterr().out
    assert code == 0, said
    records = reproduce.finished(out)
    assert sorted(record["seed"] for record in records) == list(range(RUNS))
    for record in records:
        assert [row["epoch"] for row in record["curve"]] == list(range(1, EPOCHS + 1))
    assert said.count(": accuracy ") == RUNS
    assert len(list((figures / "runs").iterdir())) == RUNS
    lines = (figures / "claims.csv").read_text().splitlines()[1:]
    assert [row["runs"] for row in csv.DictReader(lines) if row["key"] == KEY] == [str(RUNS)]
    sittings = [record["sittings"] for record in records]
    assert not list(out.rglob("*.part"))
    assert killed or SECONDS > 100
    with capfd.disabled():
        moved = sum(number > 1 for number in sittings)
        print(
            f"\n{RUNS} runs of {EPOCHS} epochs on 4 workers, one killed every {SECONDS} s: "
            f"{len(killed)} killed, {moved} runs went on elsewhere ({sum(sittings)} sittings), "
            f"{len(records)} records, none lost, none twice"
        )


MEGABYTES_MORE = 50


def resident():
    """Return the resident memory of this process in MB."""
    import psutil

    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def drag_explorers():
    """Drag the sliders of an explorer 150 times."""
    explorer = widgets.occlusion_explorer(data.load("facs3d", split="test").take(range(20)))
    explorer.wait()

    def drag():
        for step in range(50):
            explorer.window.value = (9, 15)[step % 2]
            explorer.wait()
            explorer.stride.value = (3, 4, 6)[step % 3]
            explorer.wait()
            explorer.source.face.value = step % 20
            explorer.wait()

    return drag


def load_nets():
    """Load 20 nets."""
    names = models.pretrained_names()
    models.pretrained(names[0])

    def load():
        for number in range(20):
            models.pretrained(names[number % len(names)])

    return load


def open_data_sets(folder):
    """Open 10 data sets from the cache."""
    noise = np.random.default_rng(0)
    for name in range(10):
        (folder / str(name) / "happy").mkdir(parents=True)
        for number in range(20):
            picture = noise.integers(0, 256, (96, 96), dtype=np.uint8)
            Image.fromarray(picture).save(folder / str(name) / "happy" / f"{number}.png")

    def opened():
        for name in range(10):
            faces = data.load("folder", folder / str(name), size=96, progress=False)
            assert faces.images.sum() and faces.digest

    opened()
    return opened


@pytest.mark.parametrize("what", ["explorer", "nets", "data sets"])
def test_memory_does_not_grow(what, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    makers = {"explorer": drag_explorers, "nets": load_nets}
    work = makers[what]() if what in makers else open_data_sets(tmp_path)
    before = resident()
    work()
    after = resident()
    with capsys.disabled():
        print(f"\n{what}: {before:.0f} MB before, {after:.0f} MB after")
    assert after - before < MEGABYTES_MORE
