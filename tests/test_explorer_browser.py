"""Notebook 09 in JupyterLab in a real browser: what the pointer, the keys and the sliders change.

The explorer of notebook 00 stands at its end.

Needs Chromium (`apt-get install chromium`; Chrome will do), and is skipped where there is none. It
also measures, without judging, how long a slider takes from the key to the picture; `pytest -rP`
prints that.
"""

import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

import faces3d
from fer_utils import models, saliency
from scripts.notebooks import normalise, read_source
from tests.browser import ERRORS, STDERR, needed, opened

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "notebooks" / "src"
MOVES = 24
LAPTOP, DESK = {"width": 1000, "height": 700}, {"width": 1300, "height": 1000}


# Counts from a key to the first complete map after it; a timer set in an animation frame runs when
# that frame has been painted.
STOPWATCH = """view => {
  const watch = window.stopwatch = {since: null, took: []};
  document.addEventListener("keydown", () => { watch.since = performance.now(); }, true);
  new MutationObserver(() => {
    const since = watch.since;
    if (view.dataset.stride !== "2,2") return;
    watch.since = null;
    const note = () => watch.took.push(performance.now() - since);
    if (since !== null) requestAnimationFrame(() => setTimeout(note));
  }).observe(view, {attributeFilter: ["data-frames"]});
}"""
ALL_SHOWN = 'document.querySelectorAll(".fer-view[data-frames]").length === 3'
PIXELS = """view => [...view.querySelectorAll(".fer-panel:not(.fer-beside) .fer-stage canvas")]
  .map(canvas => canvas.toDataURL()).join()"""

pytestmark = needed


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The notebook in a browser, all its cells run."""
    names = ("09_explorer", "00_start_here")
    notebook, start = (normalise(read_source(SOURCES / f"{name}.py"), name) for name in names)
    notebook.cells += [cell for cell in start.cells if "widgets.occlusion_explorer" in cell.source]
    with opened(tmp_path_factory.mktemp("jupyter"), notebook, ALL_SHOWN) as page:
        yield page


@pytest.fixture
def errors(page):
    """Count, after the test, what the cells have raised or written on stderr."""
    yield
    assert page.locator(f"{ERRORS}, {STDERR}").count() == 0


def explorer(page, number):
    """Return the view and the whole widget of an explorer: 1 has sliders, 0 and 2 choose faces."""
    output = page.locator(".jp-OutputArea-child:has(.fer-view)").nth(number)
    output.scroll_into_view_if_needed()
    return output.locator(".fer-view"), output


def hover(view, row, column, panel=".fer-face"):
    """Move the pointer to a pixel of the 48 x 48 picture."""
    canvas = view.locator(f"{panel} canvas").first
    side = canvas.bounding_box()["width"] / 48
    canvas.hover(position={"x": (column + 0.5) * side, "y": (row + 0.5) * side})


def seen(view):
    """What can be read in a view: the sentence, and all probabilities."""
    return view.locator(".fer-said").inner_text(), view.locator(".fer-percent").all_inner_texts()


def start_from(page, view, widget, expression):
    """Set the sliders to an expression, from another one, and wait for its face."""
    choose = widget.locator(".widget-dropdown", has_text="start from").locator("select")
    for name in ("disgust", expression):
        drawn = view.get_attribute("data-frames")
        choose.select_option(name)
        page.wait_for_function(
            "([view, drawn]) => view.dataset.frames > drawn && view.dataset.stride === '2,2'",
            arg=[view.element_handle(), int(drawn)],
        )


def test_pointer_shows_the_table_without_asking_python(page, errors):
    net = models.pretrained("mini_xception_facs3d")
    omap = saliency.occlusion(net, faces3d.draw("happy")[None])
    view, _ = explorer(page, 1)
    found = set()
    for row, column in ((16, 14), (30, 22), (47, 47)):
        hover(view, row, column)
        spot = [min(20, max(0, round((at + 0.5 - 4) / 2))) for at in (row, column)]
        said, percents = seen(view)
        assert view.get_attribute("data-spot") == ",".join(map(str, spot))
        shares = omap.probabilities[*spot]
        shown = [int(text.rstrip("\xa0%")) / 100 for text in percents]
        np.testing.assert_allclose(shown, shares, atol=0.0051)
        assert f"rows {2 * spot[0]} to {2 * spot[0] + 7}" in said
        assert omap.classes[shares.argmax()] in said
        found.add((said, view.evaluate(PIXELS)))
    assert len(found) == 3
    page.mouse.move(2, 2)
    assert "The whole face" in seen(view)[0]


def test_pointer_needs_no_kernel(page, errors):
    """Cut off from the server, the page still follows."""
    view, _ = explorer(page, 0)
    page.context.set_offline(True)
    try:
        hover(view, 20, 20)
        first = seen(view)
        hover(view, 34, 24, ".fer-map")
        assert seen(view) != first
    finally:
        page.context.set_offline(False)


def test_arrow_keys_move_the_square(page, errors):
    view, _ = explorer(page, 0)
    view.locator(".fer-face canvas").first.focus()
    page.keyboard.press("Home")
    start = [int(n) for n in view.get_attribute("data-spot").split(",")]
    first = seen(view)
    step = -1 if start[0] else 1
    page.keyboard.press("ArrowUp" if start[0] else "ArrowDown")
    assert view.get_attribute("data-spot") == f"{start[0] + step},{start[1]}"
    assert seen(view) != first
    page.keyboard.press("Escape")
    assert view.get_attribute("data-spot") == ""
    assert "The whole face" in seen(view)[0]


def test_sliders_change_face_map_and_prediction(page, errors, record_property):
    view, widget = explorer(page, 1)
    start_from(page, view, widget, "happy")
    before, said = view.evaluate(PIXELS), seen(view)
    widget.get_by_role("button", name="nose, cheeks, mouth").click()
    widget.locator(".widget-slider", has_text="12 smile").locator(".noUi-handle").focus()
    view.evaluate(STOPWATCH)
    for move in range(MOVES):
        page.keyboard.press("ArrowLeft" if move < MOVES / 2 else "ArrowRight")
        page.wait_for_function(f"window.stopwatch.took.length === {move + 1}")
        if move == MOVES / 2 - 1:
            assert view.evaluate(PIXELS) != before
    assert (view.evaluate(PIXELS), seen(view)) == (before, said)  # there and back again
    page.keyboard.press("Home")
    view.locator(".fer-said", has_text="the net says neutral").wait_for()
    assert seen(view)[1] != said[1]
    took = sorted(page.evaluate("window.stopwatch.took")[:MOVES])
    median, slow = took[len(took) // 2], took[round(0.95 * (len(took) - 1))]
    record_property("slider_latency_ms", [round(ms) for ms in took])
    print(f"slider to picture, {MOVES} moves: median {median:.0f} ms, 95 % {slow:.0f} ms")


def test_dragging_ends_with_the_last_value(page, errors):
    view, widget = explorer(page, 1)
    start_from(page, view, widget, "happy")
    widget.get_by_role("button", name="lips and jaw").click()
    slider = widget.locator(".widget-slider", has_text="26 jaw drop")
    box = slider.locator(".noUi-handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 31):
        page.mouse.move(x + 2 * step, y)
    page.mouse.up()
    jaw = int(slider.locator(".widget-readout").inner_text())
    assert jaw > 20
    face = faces3d.draw(action_units={6: 0.9, 12: 1.0, 25: 1.0, 26: jaw / 100})
    shown = "view => { const c = view.querySelector('.fer-face canvas');"
    shown += " return [...c.getContext('2d').getImageData(0, 0, 48, 48).data]; }"
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        pixels = np.array(view.evaluate(shown)).reshape(48, 48, 4)[..., 0]
        if np.array_equal(pixels, face):
            return
        time.sleep(0.1)
    pytest.fail("the picture is not that of the slider's last value")


def choose_file(page, widget, file):
    with page.expect_file_chooser() as chooser:
        widget.get_by_role("button", name="Upload a face").click()
    chooser.value.set_files(file)


def test_uploads_good_and_bad(page, errors):
    view, widget = explorer(page, 0)
    before = view.evaluate(PIXELS)
    choose_file(
        page, widget, {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    widget.get_by_role("alert").filter(has_text="notes.png is not a picture").wait_for()
    assert view.evaluate(PIXELS) == before
    file = BytesIO()
    Image.fromarray(faces3d.draw("surprise", 3, size=256, color=True)).save(file, "PNG")
    choose_file(
        page, widget, {"name": "me.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    widget.get_by_role("status").filter(has_text="me.png").wait_for()
    changed = f"([view, before]) => ({PIXELS})(view) !== before"
    page.wait_for_function(changed, arg=[view.element_handle(), before])


def test_a_face_of_two_is_chosen_in_the_photograph(page, errors):
    view, widget = explorer(page, 0)
    canvas = np.full((300, 560, 3), 120, np.uint8)
    canvas[60:220, 30:190] = faces3d.draw("angry", 5, size=160, color=True)
    canvas[30:270, 270:510] = faces3d.draw("happy", 3, size=240, color=True)
    file = BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    choose_file(
        page, widget, {"name": "us.png", "mimeType": "image/png", "buffer": file.getvalue()}
    )
    left, right = (widget.get_by_role("radio", name=f"face {n} of 2") for n in (1, 2))
    right.wait_for()
    assert right.get_attribute("aria-checked") == "true"  # the larger one
    lies_over(page, widget, right)
    first = view.evaluate(PIXELS)
    right.press("ArrowLeft")
    lies_over(page, widget, left)
    assert left.get_attribute("aria-checked") == "true" and view.evaluate(PIXELS) != first
    right.click()
    lies_over(page, widget, right)
    assert view.evaluate(PIXELS) == first


def lies_over(page, widget, face):
    """Wait until the last map is painted over a face of the photograph."""
    heat, view = (widget.locator(name) for name in (".fer-photo .fer-heat", ".fer-view"))
    page.wait_for_function(
        """([heat, face, view]) => {
          const [a, b] = [heat, face].map(node => node.getBoundingClientRect());
          const over = Math.abs(a.x + a.width / 2 - b.x - b.width / 2) < 4;
          return heat.width > 0 && over && view.dataset.stride === "2,2";
        }""",
        arg=[node.element_handle() for node in (heat, face, view)],
    )


PAGES = {
    "brows and eyes": "1 inner brows up",
    "nose, cheeks, mouth": "6 cheeks up",
    "lips and jaw": "10 upper lip up",
    "head and light": "person",
    "map settings": "square (px)",
}


@pytest.fixture
def laptop(page):
    """Look at the page through a small window."""
    page.set_viewport_size(LAPTOP)
    yield page
    page.set_viewport_size(DESK)


def all_in_view(page, widget):
    """Whether face, map, bars, sliders and uploads are in view, and titles of maps are whole."""
    return widget.evaluate("""widget => {
      const shown = document.querySelector(".jp-NotebookPanel-notebook").getBoundingClientRect();
      const parts = ".fer-panel:not(.fer-beside) .fer-stage, .fer-row, .widget-slider, " +
        ".widget-upload";
      const titles = [...widget.querySelectorAll(".fer-panel h4")];
      const whole = titles.every(({scrollHeight, scrollWidth, clientHeight, clientWidth}) =>
        scrollHeight <= clientHeight && scrollWidth <= clientWidth);
      const boxes = [...widget.querySelectorAll(parts)].map(node => node.getBoundingClientRect());
      const seen = boxes.filter(box => box.height > 0);
      const inside = ({left, right, top, bottom}) => left >= shown.left && right <= shown.right &&
        top >= shown.top && bottom <= shown.bottom;
      return whole && seen.length > 10 && seen.every(inside);
    }""")


@pytest.mark.parametrize("number", [0, 1])
def test_on_a_laptop_face_and_map_stay_in_view_while_sliders_move(laptop, errors, number):
    view, widget = explorer(laptop, number)
    widget.evaluate("widget => widget.scrollIntoView({block: 'start'})")
    for name, first in PAGES.items() if number else [("", "face")]:
        if number:
            widget.get_by_role("button", name=name).click()
        widget.locator(".widget-slider", has_text=first).wait_for()
        for handle in widget.locator(".noUi-handle").all():
            handle.focus()
            for key in ("ArrowRight", "ArrowLeft"):
                laptop.keyboard.press(key)
                assert all_in_view(laptop, widget)
    if number:
        widget.get_by_role("button", name="Reset").click()


@pytest.mark.parametrize("number", [0, 2])
def test_a_photograph_is_answered_by_a_net_that_has_learned_photographs(page, errors, number):
    view, widget = explorer(page, number)
    photograph = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    choose_file(page, widget, str(photograph))
    widget.get_by_role("status").filter(has_text="grace_hopper.jpg").wait_for()
    view.locator(".fer-mine1").first.wait_for()
    lists = [widget.locator(".widget-dropdown", has_text=name) for name in ("model", "beside it")]
    model, beside = (each.locator("select") for each in lists)
    shows(page, model, "photographs, 86.9 %")
    shows(page, beside, "drawn faces")
    widget.get_by_text("Learned from 25,060 photographs").wait_for()
    view.locator("h4.fer-mine1", has_text="happy").wait_for()  # what the other one takes it for
    happy = view.locator(".fer-row", has_text="happy").locator(".fer-percent").inner_text()
    assert int(happy.rstrip("\xa0%")) < 20
    page.set_viewport_size(LAPTOP)  # three pictures and the two nets' titles, none cut off
    titles = view.locator(".fer-panel:not([hidden]) h4")
    cut = "nodes => nodes.map(node => node.scrollHeight - node.clientHeight)"
    heights = titles.evaluate_all(cut)
    page.set_viewport_size(DESK)
    assert heights == [0, 0, 0]
    widget.get_by_role("button", name="back to the data set").click()
    shows(page, model, "drawn faces")
    shows(page, beside, "nothing")


def shows(page, choice, words):
    """Wait until a list shows a choice with these words."""
    page.wait_for_function(
        "([list, words]) => list.value.includes(words)",
        arg=[choice.element_handle(), words],
    )
