"""Several processes by torchrun: the numbers of one, one that writes, and an end in words."""

import dataclasses
import json
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from fer_utils import train
from fer_utils.errors import FerError
from fer_utils.train import parallel
from fer_utils.train.recipes import Recipe
from tests.test_train import CLASSES, EVERYTHING, QUICK, small_net, stripes, weights

ROOT = Path(__file__).resolve().parents[1]

# The second process is a copy of the first, so that torch is loaded once; they meet at a port.
FORKED = """
import atexit, os, torch._dynamo, tests.test_parallel

def wait():
    if os.waitpid(other, 0)[1]:
        os._exit(1)

other = os.fork()
if other:
    atexit.register(wait)
os.environ["RANK"] = os.environ["LOCAL_RANK"] = "0" if other else "1"
"""

TRAIN = """
import sys, torch
from fer_utils.train import parallel
from tests.test_parallel import trained

with parallel.process_group("cpu"):
    found = trained()
    print("rank", parallel.rank(), "of", parallel.size())
    if parallel.rank() == 0:
        torch.save(found, sys.argv[1])
"""

# The command line on stripes; with an argument more, the second process dies in the third epoch.
COMMAND = """
import os, signal, sys
import numpy as np
from fer_utils import __main__, data
from fer_utils.train import parallel
from fer_utils.train.step import Step
from tests.test_train import stripes

def load(*args):
    faces = stripes(96, 0)
    split = np.where(np.arange(96) < 64, "train", "valid")
    return type(faces)(faces.name, faces.images, faces.labels, faces.classes, split)

step, steps = Step.__call__, []

def fatal(self, *batch):
    step(self, *batch)
    steps.append(batch)
    if len(steps) == 10 and parallel.rank() == 1 and len(sys.argv) > 2:
        os.kill(os.getpid(), signal.SIGKILL)

data.load, Step.__call__ = load, fatal
words = ["train", "--input-size", "16", "--epochs", "4", "--set", "batch=16", "--device", "cpu"]
if __name__ == "__main__":
    sys.exit(__main__.main([*words, "--out", sys.argv[1]]))
"""


class Plain(nn.Sequential):
    classes = CLASSES


def plain():
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
    return Plain(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 2))


def trained():
    """Train three nets in batches of 16, and 9 faces that two processes cannot share evenly."""
    found = {}
    for name, net, changes in (
        ("plain", plain(), {"learning_rate": 0.02}),
        ("everything", plain(), {**EVERYTHING, "mixup": 0.4, "learning_rate": 0.02}),
        ("batch norm", small_net(), {"average": 0.9}),
    ):
        sets = stripes(57, 0), stripes(32, 1, "valid")
        recipe = dataclasses.replace(QUICK, **changes)
        history = train.fit(net, *sets, recipe, device="cpu", progress=False)
        losses = [row["train_loss"] for row in history.epochs]
        found[name] = {"weights": weights(net), "losses": torch.tensor(losses)}
    return found


def run_script(folder, code, *arguments, torchrun=False):
    """Run code in two processes, started by torchrun or as it would start them."""
    script = folder / "script.py"
    script.write_text(code if torchrun else FORKED + code)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [sys.executable, *(words if torchrun else []), str(script), *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if not torchrun:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment |= {"WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "none"}
    return subprocess.run(
        words,
        cwd=ROOT,
        env={**parallel.os.environ, **environment},
        capture_output=True,
        text=True,
    )


pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not torch.distributed.is_available(), reason="needs gloo"
)


def test_two_processes_give_the_numbers_of_one(tmp_path):
    with warnings.catch_warnings(), parallel.process_group("cpu"):
        warnings.simplefilter("error", UserWarning)
        one = trained()
        assert (parallel.rank(), parallel.size()) == (0, 1)
    done = run_script(tmp_path, TRAIN, tmp_path / "two.pt")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rank 0 of 2\n" and "UserWarning" not in done.stderr
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    for name in ("plain", "everything"):
        for key, value in one[name].items():
            assert torch.allclose(value, two[name][key], rtol=1e-3, atol=1e-4), (name, key)
    losses = one["plain"]["losses"]
    assert losses[-1] < 0.95 * losses[0]  # it did learn
    # batch norm sees a part of the batch in each process: it runs, with other numbers
    assert not torch.allclose(one["batch norm"]["weights"], two["batch norm"]["weights"], atol=1e-4)
    assert two["batch norm"]["losses"].isfinite().all()


def test_a_killed_process_ends_the_run_in_words_and_it_goes_on(tmp_path):
    out = tmp_path / "run"
    done = run_script(tmp_path, COMMAND, out, "fatal", torchrun=True)
    assert done.returncode != 0
    assert "fer_utils train: process 0 has lost another one" in done.stderr
    assert len(json.loads((out / "history.json").read_text())["epochs"]) == 2
    done = run_script(tmp_path, COMMAND, out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("stopped: all 4 epochs done") == 1
    assert len(json.loads((out / "history.json").read_text())["epochs"]) == 4
    assert (out / "model.safetensors").is_file()


def test_what_several_processes_do_not_do_is_refused(monkeypatch):
    recipe = Recipe("test", batch=16)
    parallel.check(dataclasses.replace(recipe, distil=0.5), True, True)  # one process may
    monkeypatch.setattr(parallel, "size", lambda: 3)
    with pytest.raises(FerError, match="batch=16 cannot be shared evenly by 3"):
        parallel.check(recipe, None, False)
    monkeypatch.setattr(parallel, "size", lambda: 2)
    parallel.check(recipe, None, False)
    with pytest.raises(FerError, match="distil"):
        parallel.check(dataclasses.replace(recipe, distil=0.5), None, False)
    for graphs, compile in ((True, False), (None, True)):
        with pytest.raises(FerError, match="one process"):
            parallel.check(recipe, graphs, compile)
