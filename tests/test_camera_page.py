"""The camera's half in the page by itself: a stand-in for the kernel keeps what is sent."""

from pathlib import Path

import numpy as np
import pytest

from fer_utils import widgets
from fer_utils.widgets.photo import jpeg
from tests.browser import chromium, needed
from tests.test_camera_browser import FAKE

pytestmark = needed

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


@pytest.fixture(scope="module")
def browser():
    with chromium(FAKE) as browser:
        yield browser


@pytest.fixture
def alone(browser):
    """Open a page of an address with the camera's program in it, nothing else."""
    opened_here = []

    def open_at(address, before="", source=""):
        here = browser.new_page()
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
