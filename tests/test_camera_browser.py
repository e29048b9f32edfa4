"""The camera in JupyterLab in a real browser, whose camera plays a film that the kit draws.

Rate and round trip are printed (`pytest -rP`), not judged; test_camera_speed.py measures them.
"""

import json
from datetime import datetime
from functools import cache

import cv2
import nbformat
import pytest

from fer_utils.detect.boxes import Box, overlap
from fer_utils.detect.drawn_film import DrawnFilm
from fer_utils.emotions import FER7
from tests.browser import ERRORS, STDERR, needed, opened

pytestmark = needed
SIZE, RATE = (320, 240), 12
FAKE = ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")
FIRST, COUNT = 30, 24  # of the film's frames: the first person is there, the second walks in
CELL = """
import hashlib
import json
import time

import ipywidgets as ui
from IPython import get_ipython
from fer_utils import models, widgets

def noted(camera, name):
    send, receive = camera.view.send, camera._receive
    def log(**what):
        with open(name, "a") as file:
            print(json.dumps(what), file=file)
    def receiving(view, content, buffers):
        header = get_ipython().kernel.get_parent()["header"]
        state = json.dumps(ui.Widget.get_manager_state(), default=repr)
        log(asked=str(header["date"]), state=hashlib.sha256(state.encode()).hexdigest())
        receive(view, content, buffers)
    def sending(content, buffers=None):
        log(answered=time.time())  # before: the page may be quicker than what follows
        send(content, buffers)
    camera.view.send = sending
    camera.view.on_msg(receive, remove=True)
    camera.view.on_msg(receiving)
    return camera

def slow(picture):
    time.sleep(0.3)
    return []

net = models.load("mini_xception_facs3d")
display(noted(widgets.camera(net), "quick.log"), noted(widgets.camera(net, slow), "slow.log"))
"""
BOTH = 'document.querySelectorAll(".fer-camera").length === 2'
# What is seen at one moment: the number of the frame, which is written into it in black and white,
# and the boxes over it.
SAMPLES = """async ([root, count]) => {
  const video = root.querySelector("video"), seen = [];
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  while (seen.length < count) {
    await new Promise(done => setTimeout(done, 60));
    pen.drawImage(video, 0, 0);
    const bits = Array.from({length: 8}, (_, i) => pen.getImageData(8 * i + 4, 4, 1, 1).data[0]);
    const boxes = [...root.querySelectorAll(".fer-box")].map(({style, textContent}) =>
      [...["left", "top", "width", "height"].map(name => parseFloat(style[name])), textContent]);
    if (boxes.length) seen.push([bits.reduce((sum, bit, i) => sum + ((bit > 127) << i), 0), boxes]);
  }
  return seen;
}"""


TRACK = """root => {
  window.track = root.querySelector("video").srcObject.getTracks()[0];
  return window.track.readyState;
}"""


@cache
def film():
    return DrawnFilm(seconds=9, size=SIZE, rate=RATE, people=2)


def write_film(path, times=1):
    """Write frames as raw video (YUV4MPEG2), which keeps its rate; each has its number in it, and
    is played so many times, in as many times the rate.
    """
    with open(path, "wb") as file:
        rate = f"F{RATE * times}:1"
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} {rate} Ip A1:1 C420jpeg\n".encode())
        for index in range(COUNT):
            picture = film().frame(FIRST + index).picture.copy()
            for bit in range(8):
                picture[:8, 8 * bit : 8 * bit + 8] = 255 * (index >> bit & 1)
            frame = b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes()
            file.write(times * frame)


def notebook_of(cell):
    kernel = {"name": "python3", "display_name": "Python 3"}
    cells = [nbformat.v4.new_code_cell(cell)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("jupyter")


@pytest.fixture(scope="module")
def page(home, tmp_path_factory):
    played = tmp_path_factory.mktemp("film") / "drawn.y4m"
    write_film(played)
    flags = (*FAKE, f"use-file-for-fake-video-capture={played}")
    saving = home / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    saving.mkdir(parents=True)
    (saving / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    with opened(home, notebook_of(CELL), BOTH, flags) as page:
        yield page
        assert page.locator(f"{ERRORS}, {STDERR}").count() == 0


def started(page, number):
    """Start a camera and wait for its first answers."""
    root = page.locator(".fer-camera").nth(number)
    root.get_by_role("button", name="Start camera").click()
    page.wait_for_function("root => root.dataset.answers > 2", arg=root.element_handle())
    return root


def stopped(root):
    """Stop a camera; return what its tracks were and are."""
    before = root.evaluate(TRACK)
    root.get_by_role("button", name="Stop").click()
    return before, root.evaluate("() => window.track.readyState")


def log(home, name):
    """Return the pictures that the kernel has got, each with the time of its answer."""
    lines = [json.loads(line) for line in (home / "work" / name).read_text().splitlines()]
    return [{**one, **two} for one, two in zip(lines[::2], lines[1::2], strict=False)]


def assert_never_two(pictures):
    """Each picture was sent after the answer to the one before had left."""
    sent = [datetime.fromisoformat(one["asked"]).timestamp() for one in pictures]
    left = [one["answered"] for one in pictures]
    early = [other - one for one, other in zip(sent[1:], left, strict=False)]
    assert max(early) < 0.002  # the page's clock tells milliseconds


def test_boxes_follow_the_faces_of_the_film(page, home):
    root = started(page, 0)
    seen = page.evaluate(SAMPLES, [root.element_handle(), 24])
    hits, words, lefts = 0, set(), set()
    for number, boxes in seen:
        people = film().frame(FIRST + number).shown
        for left, top, width, height, word in boxes:
            width, height = width / 100 * SIZE[0], height / 100 * SIZE[1]
            x = SIZE[0] * (1 - left / 100) - width  # shown as in a mirror
            box = Box(round(x), round(top / 100 * SIZE[1]), round(width), round(height))
            hits += any(overlap(box, one.box) > 0.35 for one in people)
            words.add(word.split()[0])
            lefts.add(box.x)
    assert hits >= 0.7 * len(seen) and len({number for number, _ in seen}) > 5
    assert words <= set(FER7) and len(lefts) > 5
    root.locator(".fer-rates", has_text="round trip").wait_for()
    print(root.locator(".fer-rates").inner_text())
    assert stopped(root) == ("live", "ended")
    assert root.locator(".fer-box").count() == 0
    pictures = log(home, "quick.log")
    assert len(pictures) > 5
    assert_never_two(pictures)
    assert len({one["state"] for one in pictures}) == 1  # nothing of them stays in a trait


def test_a_slow_kernel_has_one_picture_and_none_waiting(page, home):
    root = started(page, 1)
    page.wait_for_function("root => root.dataset.answers > 5", arg=root.element_handle())
    print(root.locator(".fer-rates").inner_text())
    assert stopped(root) == ("live", "ended")
    pictures = log(home, "slow.log")
    assert len(pictures) >= 6
    assert_never_two(pictures)


def test_the_saved_notebook_holds_no_picture_and_a_cleared_cell_no_camera(page, home):
    started(page, 0).evaluate(TRACK)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = (home / "work" / "it.ipynb").read_text()
    state = json.loads(saved)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    views = [one for one in state["state"].values() if "source" in one["state"]]
    assert len(views) == 2 and not any(one.get("buffers") for one in views)
    assert "/9j/" not in saved and "data:image" not in saved and 'image/jpeg"' not in saved
    assert page.evaluate("() => window.track.readyState") == "live"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_function("() => window.track.readyState === 'ended'")
