"""Long work that is killed and begun again until it is done: `python -m tests.interruptions`.

A child process does the work in a folder; it is killed after a random while, what it left is read,
and the next one goes on. Whoever comes to the end must have what a child that nobody disturbed has.

Further long work joins by one line in `WORKS`.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import time
import traceback
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fer_lab.reproduce.jobs import Job
from fer_lab.run import do
from fer_utils import data
from fer_utils.files import read_json
from fer_utils.train.checkpoint import STATE, _read_state
from tests import small_fer2013
from tests.test_train import QUICK, run, small_net, weights

PICTURES = 120


def training(folder):
    """Train a tiny net; return its weights and the course."""
    net = small_net()
    history = run(net, QUICK, epochs=6, out=folder)
    found = hashlib.sha256(weights(net).numpy().tobytes()).hexdigest()
    return [found, [{**row, "seconds": 0} for row in history.epochs]]


def caching(folder):
    """Decode a folder of pictures into the cache; return the faces."""
    os.environ["FER_UTILS_CACHE"] = str(folder)
    return data.load("folder", folder.parent / "pictures", size=64, progress=False).digest


def reproduce(folder):
    """Train and score what a published row names; return the record's numbers."""
    os.environ["FER_UTILS_CACHE"] = str(folder.parent / "cache")
    record = do(Job("alessi2019:text:happy", 0, folder, folder.parent / "fer2013", 4, threads=1))
    curve = [{**row, "seconds": 0} for row in record["curve"]]
    return [record["confusion"], record["digests"], curve]


WORKS = {"training": training, "caching": caching, "reproduce": reproduce}


def prepare(folder):
    """Write what the works read."""
    small_fer2013.write(folder / "fer2013", (32, 16, 16))
    noise = np.random.default_rng(0)
    (folder / "pictures" / "happy").mkdir(parents=True)
    for number in range(PICTURES):
        picture = noise.integers(0, 256, (200, 200), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "pictures" / "happy" / f"{number}.png")


def check_readable(folder):
    """Raise unless every file that has its name is whole: a half one has another."""
    for path in folder.rglob("*"):
        if path.name.startswith(".") or path.suffix == ".part" or path.is_dir():
            continue
        if path.suffix == ".json":
            read_json(path)
        elif path.name == STATE:
            _read_state(path, torch.device("cpu"))
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                dict(arrays)
        elif path.suffix == ".npy":
            np.load(path, mmap_mode="r", allow_pickle=False)


def attempt(work, folder, answer, seconds):
    """Do a work in a child process that is killed after so long; return whether it came to its end.

    `seconds` of None leave it all the time it needs.
    """
    child = os.fork()
    if not child:
        try:
            torch.set_num_threads(1)
            answer.write_text(json.dumps(work(folder)))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    until = time.monotonic() + (seconds or 0)
    while seconds is not None and time.monotonic() < until:
        time.sleep(0.002)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            seconds = None
    if seconds is not None:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise AssertionError(f"the work ended with status {status}")
    return status == 0


def kill_again_and_again(name, folder, moments, seed):
    """Kill a work at so many moments; return what happened."""
    work, draw, answer = WORKS[name], random.Random(seed), folder / "answer.json"
    prepare(folder)
    work(folder / "warm")  # here: what is loaded late is loaded once, not in every child
    started = time.monotonic()
    attempt(work, folder / "whole", answer, None)
    needs, expected = time.monotonic() - started, json.loads(answer.read_text())
    killed, done = 0, 0
    while killed < moments or not done:
        out = folder / f"out{done}"
        while not attempt(work, out, answer, draw.uniform(0, needs) if killed < moments else None):
            killed += 1
            check_readable(out)
        if json.loads(answer.read_text()) != expected:
            raise AssertionError(f"{name}, seed {seed}: other numbers after {killed} kills")
        check_readable(out)
        left = [path.name for path in out.rglob("*.part")]
        if left and name != "caching":  # the cache clears away what is an hour old
            raise AssertionError(f"{name}: {left} were left")
        done += 1
    return f"{name}: killed {killed} times, came to its end {done} times, seed {seed}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--works", choices=WORKS, nargs="+", default=list(WORKS))
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    torch.set_num_threads(1)
    for each in words.works:
        print(
            kill_again_and_again(each, words.folder / each, words.moments, words.seed), flush=True
        )
