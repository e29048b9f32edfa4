"""How quickly the camera's answers come: JupyterLab in headless Chromium, 320 x 240, a camera of 36
frames a second, on as many cores as there are. Nothing is judged.

    python -m pytest -m fuzz -s tests/test_camera_speed.py
"""

import os
import time

import pytest

from tests.browser import needed, opened
from tests.test_camera_browser import FAKE, notebook_of, write_film

pytestmark = [needed, pytest.mark.fuzz]
SECONDS = 15  # for each
CELL = """
from fer_utils import detect, models, widgets

net = models.load("mini_xception_facs3d")
short = detect.detector("blazeface", kind="short")
cameras = [widgets.camera(net, finder) for finder in ("haar", short, "blazeface", "haar")]
cameras[-1].map.value = True
display(*cameras)
"""
NAMES = ("haar", "blazeface short", "blazeface back", "haar, and the map")
ALL = f'document.querySelectorAll(".fer-camera").length === {len(NAMES)}'


def test_answers_a_second_and_round_trip(tmp_path):
    played = tmp_path / "drawn.y4m"
    write_film(played, times=3)
    flags = (*FAKE, f"use-file-for-fake-video-capture={played}")
    home = tmp_path / "home"
    home.mkdir()
    with opened(home, notebook_of(CELL), ALL, flags) as page:
        for number, name in enumerate(NAMES):
            root = page.locator(".fer-camera").nth(number)
            root.scroll_into_view_if_needed()
            root.get_by_role("button", name="Start camera").click()
            root.locator(".fer-rates", has_text="round trip").wait_for()
            page.wait_for_timeout(3000)
            before, began = int(root.get_attribute("data-answers")), time.monotonic()
            page.wait_for_timeout(1000 * SECONDS)
            count = int(root.get_attribute("data-answers")) - before
            seconds = time.monotonic() - began
            said = root.locator(".fer-rates").inner_text()
            print(f"{name}: {count / seconds:.1f} answers a second for {seconds:.0f} s; {said}")
            assert count
            root.get_by_role("button", name="Stop").click()
    print(f"load of the machine, in cores: {os.getloadavg()[0]:.1f}")
