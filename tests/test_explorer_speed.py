"""How quickly the face explorer follows a slider, and what that costs, in one table.

mini-Xception at stride 2 in JupyterLab in headless Chromium; this build, and another one beside it
where a commit is named: they take turns, so that both see the same machine. Nothing is judged.

    BEFORE=COMMIT python -m pytest -m fuzz -s tests/test_explorer_speed.py
"""

import os
import subprocess
import tarfile
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from statistics import median

import pandas
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from scripts.notebooks import ROOT, normalise
from tests.browser import chromium, jupyterlab, needed, run_all, store
from tests.test_explorer_browser import STOPWATCH

pytestmark = [needed, pytest.mark.fuzz]
TURNS, MOVES = 8, 12
DRAGS = 13 * MOVES
SHOWN = 'document.querySelector(".fer-view[data-frames]")'
CELL = """
import os
from pathlib import Path
from fer_utils import widgets

Path("pid").write_text(str(os.getpid()))
widgets.face_explorer(["mini_xception_facs3d"])
"""


class Build:
    """A page with the face explorer of one build of the kit, and the kernel behind it."""

    def __init__(self, browser, address, home):
        """Open the page, and look at the slider."""
        self.page = browser.new_page(viewport={"width": 1300, "height": 1000})
        run_all(self.page, address)
        self.page.wait_for_function(SHOWN)
        self.kernel = psutil.Process(int((home / "work" / "pid").read_text()))
        if (tab := self.page.get_by_role("button", name="nose, cheeks, mouth")).count():
            tab.click()
        self.slider = self.page.locator(".widget-slider", has_text="12 smile")
        self.slider.locator(".noUi-handle").focus()
        self.page.locator(".fer-view").evaluate(STOPWATCH)
        self.milliseconds, self.cpu = [], []
        self.move(MOVES, keep=False)  # the first maps compile, or read, the loops

    def move(self, moves, keep=True):
        """Move the slider there and back; keep milliseconds to the picture, and the kernel's."""
        self.page.bring_to_front()
        self.page.evaluate("window.stopwatch.took.length = 0")
        before = self.busy()
        for move in range(moves):
            self.page.keyboard.press("ArrowLeft" if move < moves / 2 else "ArrowRight")
            self.page.wait_for_function(f"window.stopwatch.took.length === {move + 1}")
        if keep:
            self.milliseconds += self.page.evaluate("window.stopwatch.took")
            self.cpu.append(1000 * (self.busy() - before) / moves)

    def busy(self):
        """Return the processor's seconds that the kernel has used, all threads together."""
        return sum(self.kernel.cpu_times()[:2])

    def memory(self):
        """Return the kernel's resident memory in MB."""
        return self.kernel.memory_info().rss / 2**20


def unpacked(commit, folder):
    """Write the kit as it was at a commit into a folder."""
    command = ["git", "-C", str(ROOT), "archive", commit, "fer_utils", "faces3d"]
    packed = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_slider_to_picture_and_memory(tmp_path, monkeypatch):
    places: dict[str, Path] = {"this build": ROOT}
    if commit := os.environ.get("BEFORE"):
        places[commit] = unpacked(commit, tmp_path / "before")
    with ExitStack() as stack:
        browser, builds = stack.enter_context(chromium()), {}
        for name, place in places.items():
            home = tmp_path / f"home{len(builds)}"
            store(home, normalise(new_notebook(cells=[new_code_cell(CELL)]), "it"))
            monkeypatch.setenv("PYTHONPATH", str(place))
            builds[name] = Build(browser, stack.enter_context(jupyterlab(home)), home)
        for _ in range(TURNS):
            for build in builds.values():
                build.move(MOVES)
        rows = {}
        for name, build in builds.items():
            took, before = sorted(build.milliseconds), build.memory()
            for _ in range(DRAGS // MOVES):
                build.move(MOVES, keep=False)
            rows[name] = {
                "slider to picture, median ms": median(took),
                "95 % ms": took[round(0.95 * (len(took) - 1))],
                "kernel CPU ms a move": median(build.cpu),
                "MB": before,
                f"MB after {DRAGS} moves": build.memory(),
            }
    table = pandas.DataFrame(rows)
    if commit:
        table["times"] = (table["this build"] / table[commit]).round(2)
    load = os.getloadavg()[0]
    print(f"\n{TURNS * MOVES} moves of each; load of the machine, in cores: {load:.1f}")
    print(table.round(2).to_string())
    assert len(took) == TURNS * MOVES
