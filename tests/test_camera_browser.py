"""The camera in JupyterLab in a real browser, whose camera plays a film that the kit draws.

Rate and round trip are printed, not judged: `pytest -rP`.
"""

import json
from datetime import datetime
from functools import cache
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest

from fer_utils import widgets
from fer_utils.detect.boxes import Box, overlap
from fer_utils.detect.drawn_film import DrawnFilm
from fer_utils.emotions import FER7
from fer_utils.widgets.photo import jpeg
from tests.browser import ERRORS, STDERR, needed, opened

pytestmark = needed
SIZE, RATE = (320, 240), 12
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


def write_film(path):
    """Write frames as raw video (YUV4MPEG2), which keeps its rate; each has its number in it."""
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for index in range(COUNT):
            picture = film().frame(FIRST + index).picture.copy()
            for bit in range(8):
                picture[:8, 8 * bit : 8 * bit + 8] = 255 * (index >> bit & 1)
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("jupyter")


@pytest.fixture(scope="module")
def page(home, tmp_path_factory):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    played = tmp_path_factory.mktemp("film") / "drawn.y4m"
    write_film(played)
    flags = (
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-video-capture={played}",
    )
    saving = home / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    saving.mkdir(parents=True)
    (saving / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    with opened(home, notebook, BOTH, flags) as page:
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
    root = started(page, 0)
    root.evaluate(
        "root => { window.track = root.querySelector('video').srcObject.getTracks()[0]; }"
    )
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    saved = (home / "work" / "it.ipynb").read_text()
    state = json.loads(saved)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    views = [one for one in state["state"].values() if "source" in one["state"]]
    assert len(views) == 2 and not any(one.get("buffers") for one in views)
    assert "/9j/" not in saved and "data:image" not in saved and 'image/jpeg"' not in saved
    assert page.evaluate("() => window.track.readyState") == "live"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.wait_for_function("() => window.track.readyState === 'ended'")


# --- the page's half by itself: a stand-in for the kernel keeps what is sent


STAND_IN = """async ([program, source]) => {
  const on = {}, traits = {classes: ["angry", "happy"], source};
  const model = {
    get: name => traits[name], on: (name, done) => { on[name] = done; }, off: () => {},
    send: (content, _, data) => window.sent.push(content.stop ? "stop" : content.frame),
  };
  window.sent = [];
  window.answer = (message, bytes) =>
    on["msg:custom"](message, bytes ? [new DataView(Uint8Array.from(bytes).buffer)] : []);
  const url = URL.createObjectURL(new Blob([program], {type: "text/javascript"}));
  const widget = (await import(url)).default();
  window.taken = widget.render({model, el: document.body});
}"""


@pytest.fixture
def alone(page):
    """Open a page of an address with the camera's program in it, nothing else."""
    opened_here = []

    def open_at(address, before="", source=""):
        here = page.context.browser.new_page()
        opened_here.append(here)
        here.clock.install()
        here.route("**/*", lambda route: route.fulfill(content_type="text/html", body=" "))
        here.goto(address)
        here.evaluate(f"() => {{ {before} }}")
        program = (Path(widgets.__file__).parent / "webcam.js").read_text()
        here.evaluate(STAND_IN, [program, source])
        return here

    yield open_at
    for here in opened_here:
        here.close()


REFUSAL = """navigator.mediaDevices.getUserMedia =
  () => Promise.reject(new DOMException("", "{}"));"""


@pytest.mark.parametrize(
    "address, before, words",
    [
        ("http://lab.test/", "", "neither by https nor from localhost"),
        ("http://localhost/", REFUSAL.format("NotAllowedError"), "The camera was refused"),
        ("http://localhost/", REFUSAL.format("NotFoundError"), 'source="drawn"'),
        ("http://localhost/", REFUSAL.format("AbortError"), "cannot be used"),
        ("https://x.vscode-cdn.net/", REFUSAL.format("NotAllowedError"), "VS Code gives no"),
    ],
    ids=["insecure", "refused", "none", "odd", "VS Code"],
)
def test_no_camera_is_told_in_words(alone, address, before, words):
    here = alone(address, before)
    here.get_by_role("button", name="Start camera").click()
    here.get_by_role("alert").filter(has_text=words).wait_for()
    assert here.get_by_role("button", name="Start camera").is_enabled()
    assert here.evaluate("() => window.sent") == []


def test_a_kernel_that_is_gone_is_told_in_words(alone):
    here = alone("http://localhost/")
    here.get_by_role("button", name="Start camera").press("Enter")
    here.wait_for_function("() => window.sent.length === 1")
    here.clock.run_for(4000)
    assert here.get_by_role("alert").count() == 0
    here.clock.run_for(2000)
    here.get_by_role("alert").filter(has_text="No answer for").wait_for()
    assert here.evaluate("() => window.sent") == [1]  # frames have come, and none was sent
    here.evaluate("() => window.answer({frame: 1, faces: [], size: [320, 240], ms: 1})")
    here.wait_for_function("() => window.sent.length === 2")
    assert here.get_by_role("alert").count() == 0
    here.get_by_role("button", name="Stop").click()
    here.get_by_role("button", name="Start camera").click()  # too soon: 2 may still be answered
    here.get_by_role("button", name="Stop").wait_for()
    assert here.evaluate("() => window.sent") == [1, 2]
    here.get_by_role("button", name="Stop").click()
    here.clock.run_for(6000)
    here.get_by_role("button", name="Start camera").click()
    here.wait_for_function("() => window.sent.length === 3")


def test_what_is_wrong_with_a_picture_is_said_and_the_camera_goes_on(alone):
    here = alone("http://localhost/")
    here.get_by_role("button", name="Start camera").click()
    here.wait_for_function("() => window.sent.length === 1")
    here.evaluate("() => window.answer({frame: 1, faces: [], said: '<b>too large</b>', ms: 1})")
    here.get_by_role("alert").filter(has_text="<b>too large</b>").wait_for()
    here.wait_for_function("() => window.sent.length === 2")
    here.evaluate(
        "() => { window.track = document.querySelector('video').srcObject.getTracks()[0]; }"
    )
    here.evaluate("() => window.taken()")
    assert here.evaluate("() => window.track.readyState") == "ended"


def test_pictures_of_python_are_asked_for_one_by_one(alone):
    here = alone("http://lab.test/", source="camera 0")
    here.get_by_role("button", name="Start camera 0").click()
    assert here.evaluate("() => window.sent") == [1]
    picture = list(jpeg(np.full((24, 32, 3), (200, 30, 30), np.uint8), 32))
    face = {"id": 3, "box": [8, 6, 8, 6], "square": [8, 6, 8], "shares": [0.1, 0.9]}
    found = {
        "frame": 1,
        "faces": [{**face, "color": "0, 0, 9"}],
        "size": [32, 24],
        "picture": True,
        "ms": 1,
    }
    here.evaluate("([found, picture]) => window.answer(found, picture)", [found, picture])
    here.clock.run_for(100)
    here.wait_for_function("() => window.sent.length === 2")
    box = here.locator(".fer-box")
    assert box.evaluate("({style}) => style.left + style.top") == "25%25%"  # not as in a mirror
    assert box.inner_text() == "happy 90\N{NO-BREAK SPACE}%"
    red, green, *_ = here.locator(".fer-film").evaluate(
        "film => [...film.getContext('2d').getImageData(5, 5, 1, 1).data]"
    )
    assert red > 180 and green < 60
    here.get_by_role("button", name="Stop").click()
    assert here.evaluate("() => window.sent") == [1, 2, "stop"]


def test_a_source_that_gives_nothing_is_asked_once(alone):
    here = alone("http://localhost/", source="no.mp4")
    here.get_by_role("button", name="Start no.mp4").click()
    here.evaluate("() => window.answer({frame: 1, faces: [], said: 'no.mp4 is not there', ms: 1})")
    here.get_by_role("alert").filter(has_text="no.mp4 is not there").wait_for()
    here.clock.run_for(1000)
    assert here.evaluate("() => window.sent") == [1, "stop"]
    assert here.get_by_role("button", name="Start no.mp4").is_enabled()
