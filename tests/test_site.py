"""The web site, built once: whole, without a network, and with explorers that work in Chromium."""

import base64
import json
import os
import re
import subprocess
import sys
from html import escape

import nbformat
import numpy as np
import pytest

from fer_utils import data, models
from fer_utils.evaluate import evaluate
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.scores import in_cell
from scripts.notebooks import NOTEBOOKS, ROOT, figures_of
from scripts.site import __main__ as command
from scripts.site import api, graph, links, staging
from scripts.slides import SlideError
from tests.browser import chromium, needed

MEGABYTES = 60
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
WIDTHS = (1200, 400)
SEEN = ["index", "notebooks/00_start_here", "notebooks/06_confusion_and_precision"]
SEEN += ["notebooks/09_explorer", "docs/teaching/README", "docs/teaching/quizzes"]
SEEN += ["api/fer_utils.saliency", "README"]
PIXELS = """canvas => [...canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "site"
    words = [sys.executable, "-m", "scripts.site", "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")  # no warning of Sphinx, no broken link
    assert re.search(r"index\.html: \d+\.\d MB in all", done.stdout)
    assert [path.name for path in out.parent.iterdir()] == ["site"]  # nothing else is left
    return out


@pytest.fixture(scope="module")
def visit(site):
    """Open pages from the folder; whatever they ask of a network, or complain of, is a fault."""
    with chromium() as browser:
        context = browser.new_context(viewport={"width": WIDTHS[0], "height": 1000}, offline=True)
        wrong = []

        def open_page(name):
            page = context.new_page()
            page.on("pageerror", lambda error: wrong.append(f"{name}: {error}"))
            page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
            page.on(
                "request",
                lambda asked: asked.url.startswith(("http", "ws")) and wrong.append(asked.url),
            )
            path, _, rest = name.partition("?")
            page.goto((site / f"{path}.html").as_uri() + (f"?{rest}" if rest else ""))
            return page

        yield open_page
        assert not wrong
        context.close()


def html(site, name):
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_size_and_links(site):
    assert command.size_of(site) < MEGABYTES * 1e6
    assert links.problems(site) == []
    assert len(list(site.rglob("*.html"))) > len(NAMES) + len(api.MODULES)


def test_arrow_keys_do_not_leave_the_page(site):
    options = (site / "_static" / "documentation_options.js").read_text()
    assert "NAVIGATION_WITH_KEYS: false" in options


def test_nothing_of_a_style_comes_from_elsewhere(site):
    for path in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text()), path


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_there_as_it_ran(site, name):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    page = html(site, f"notebooks/{name}")
    assert len(re.findall(r'<img alt="[^"]', page)) >= len(figures_of(notebook)) > 0
    text = re.sub(r"<[^>]+>", "", page)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    for out in outputs:
        first = out.get("text", "").split("\n")[0].strip()
        assert out.output_type != "stream" or re.sub(r"[<>&\"']", "", first) in re.sub(
            r"&\w+;|&#\w+;|[\"']", "", text
        )
    widgets = [out for out in outputs if "application/vnd.jupyter.widget-view+json" in str(out)]
    assert page.count('class="needs-kernel"') == len(widgets)
    figures = [one for one in outputs if "image/png" in one.get("data", {}) and one not in widgets]
    captions = re.findall(r'<(?:p|details) class="words".*?>(.*?)</(?:p|details)>', page, re.DOTALL)
    said = [one.metadata["image/png"]["alt"] for one in figures]
    captions = [re.sub(r"</?summary>", " ", words).split() for words in captions]
    assert captions == [escape(alt).split() for alt in said]
    assert "widget-view" not in page and "could not be displayed" not in page
    formulas = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert ("<math" in page) == ("$" in re.sub(r"```.*?```|`[^`]*`", "", formulas, flags=re.S))


def test_no_line_of_text_is_taken_for_a_comment(site):
    for name in NAMES:
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        text = re.sub(r"<[^>]+>", "", html(site, f"notebooks/{name}"))
        for cell in notebook.cells:
            lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
            for line in lines:
                assert not line.startswith("% ") or line[:20] in text, (name, line)


def test_sentences_are_wrapped_and_tables_are_not():
    wide = "a sentence that goes on " * 6
    assert staging.are_sentences(f"short\nkdef  {wide}")
    assert not staging.are_sentences("short")
    assert not staging.are_sentences(f"{wide}\n" + "  1234" * 30)


@needed
@pytest.mark.parametrize("name", ("01_datasets", "03_architectures"))
def test_code_sentences_and_tables_need_no_scrolling(visit, name):
    page = visit(f"notebooks/{name}")
    page.set_viewport_size({"width": 1366, "height": 900})
    places = ".cell_input pre, .tag_sentences .cell_output pre, .cell_output:has(table.dataframe)"
    wide = page.locator(places).evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
    )
    assert page.locator(".tag_sentences").count() and wide == []
    page.close()


@pytest.mark.parametrize("name", api.MODULES)
def test_every_public_name_has_its_place(site, name):
    module = __import__(name, fromlist=["__all__"])
    page = html(site, f"api/{name}")
    known = {f"fer_utils.{room}" for room in api.ROOMS.split()}
    for public in module.__all__:
        full = f"{name}.{public}"
        assert full in known or public.startswith("__") or f'id="{full}"' in page or (
            f'id="module-{full}"' in page
        )  # fmt: skip


@needed
@pytest.mark.parametrize("name", SEEN)
def test_a_page_fits_its_window(visit, name):
    page = visit(name)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@needed
def test_a_word_is_found_without_a_server(visit):
    page = visit("search?q=occlusion")
    page.locator("#search-results a", has_text="Occlusion saliency").first.wait_for()
    page.close()


def spec(site, key):
    text = (site / "explorers" / f"{key}.js").read_text(encoding="utf-8")
    return json.loads(text.partition("] = ")[2].rstrip(";\n"))


def array(packed, name, kind):
    found = [each for each in packed["buffers"] if each["path"] == ["frame", name]]
    return np.frombuffer(base64.b64decode(found[0]["data"]), kind)


@needed
@pytest.mark.parametrize(
    "name, key", [("index", "gallery"), ("notebooks/00_start_here", "00-022-0")]
)
def test_bars_follow_the_pointer(site, visit, name, key):
    packed = spec(site, key)["model"]
    frame = packed["state"]["frame"]
    shape = (*frame["counts"], len(frame["classes"]))
    table = array(packed, "table", np.float32).reshape(shape)
    page = visit(name)
    view = page.locator(".fer-view")
    canvas = view.locator(".fer-face canvas").first
    side = canvas.bounding_box()["width"] / frame["size"][1]
    found = set()
    for row, column in ((16, 14), (30, 22), (47, 47)):
        canvas.hover(position={"x": (column + 0.5) * side, "y": (row + 0.5) * side})
        spot = tuple(int(n) for n in view.get_attribute("data-spot").split(","))
        assert abs(spot[0] * frame["stride"][0] + frame["window"][0] / 2 - row) < 5
        shown = [int(t.rstrip("\xa0%")) for t in view.locator(".fer-percent").all_inner_texts()]
        np.testing.assert_allclose(shown, 100 * table[spot], atol=0.51)
        found.add(tuple(shown))
    assert len(found) > 1
    page.close()


@needed
def test_the_keyboard_reaches_the_first_explorer_and_leaves_it_in_a_few_steps(visit):
    page = visit("index")
    focused = "[document.activeElement.tagName, !!document.activeElement.closest('.explorer')]"
    for key in ("Tab", "Enter"):  # the link that leaves the list of pages out
        page.keyboard.press(key)
    found = []
    for _ in range(4):
        page.keyboard.press("Tab")
        found.append(page.evaluate(focused))
        if found[-1][0] == "CANVAS":
            page.keyboard.press("ArrowDown")
            assert page.locator(".fer-view").get_attribute("data-spot")
    assert found == [["SELECT", True], ["SELECT", True], ["CANVAS", True], ["A", False]]
    page.locator(".fer-map canvas").first.click()  # the map takes the keys as well
    page.keyboard.press("Home")
    assert page.evaluate(focused) == ["CANVAS", True]
    page.close()


@needed
def test_another_face_and_another_net(site, visit):
    faces = data.load("facs3d", split="test", progress=False)
    packed = spec(site, "gallery")
    page = visit("index")
    view = page.locator(".fer-view")
    before = view.locator(".fer-said").inner_text()
    face, net = page.locator(".explorer-list select").all()
    face.select_option(label="labelled happy")
    number = packed["lists"]["face"].index("labelled happy")
    happy = faces.images[np.flatnonzero(faces.labels == faces.classes.index("happy"))[0]]
    pixels = np.array(view.locator(".fer-face canvas").first.evaluate(PIXELS)).reshape(48, 48, 4)
    np.testing.assert_array_equal(pixels[..., :3], to_pixels(happy))
    first = view.locator(".fer-said").inner_text()
    net.select_option(index=2)
    clean = array(packed["table"][f"{number},2"], "clean", np.float32)
    names = packed["table"][f"{number},2"]["state"]["frame"]["classes"]
    assert f"the net says {names[clean.argmax()]}" in view.locator(".fer-said").inner_text()
    assert len({before, first, view.locator(".fer-said").inner_text()}) == 3
    page.close()


@needed
def test_a_cell_of_the_matrix_opens(visit):
    faces = data.load("facs3d", split="test", progress=False)
    result = evaluate(models.pretrained("mini_xception_facs3d"), faces)
    page = visit("notebooks/06_confusion_and_precision")
    matrix = page.locator(".fer-cells").first
    for label, answer in (("happy", "happy"), ("neutral", "happy")):
        row, column = (result.classes.index(name) for name in (label, answer))
        matrix.locator("tbody tr").nth(row).locator("td").nth(column).click()
        matrix.locator("h4", has_text=f"labelled {label} and answered {answer}").wait_for()
        where = in_cell(result, label, answer)[:12]
        pictures = matrix.locator(".fer-card canvas")
        assert pictures.count() == len(where) > 1
        found = np.array(pictures.nth(1).evaluate(PIXELS)).reshape(48, 48, 4)[..., :3]
        np.testing.assert_array_equal(found, to_pixels(faces.images[where[1]]))
    page.keyboard.press("ArrowUp")
    matrix.locator('td[aria-selected="true"][aria-label^="labelled surprise"]').wait_for()
    second = page.locator(".fer-cells").nth(1)
    before = second.locator("tbody td").all_inner_texts()
    page.locator(".explorer-list select").nth(1).select_option("net")
    assert second.locator("tbody td").all_inner_texts() != before
    page.close()


def test_what_is_broken_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<img src="https://x.test/y.png"><a href="b.html">b</a><a href="c.html#here">c</a>'
        '<a href="c.html#there">c</a><a href="https://x.test">far</a><a href="#top">no</a>'
    )
    (tmp_path / "c.html").write_text('<p id="here">')
    assert links.problems(tmp_path) == [
        "a.html: loads https://x.test/y.png from the network",
        "a.html: b.html is not there",
        "a.html: c.html#there has no such anchor",
        "a.html: #top has no such anchor",
    ]


def test_a_graph_goes_from_left_to_right_and_each_box_has_its_place():
    text = (ROOT / "docs" / "teaching" / "README.md").read_text(encoding="utf-8")
    edges = graph.edges_of(graph.BLOCK.search(text)[1])
    at = graph.places(edges)
    assert {number for edge in edges for number in edge} == {name[:2] for name in NAMES} == set(at)
    assert len(set(at.values())) == len(at)
    assert all(at[a][0] < at[b][0] for a, b in edges)
    drawn = graph.drawn(text, {"00": "there.html"})
    assert drawn.count('class="arrow"') == len(edges) and 'href="there.html"' in drawn
    assert "mermaid" not in drawn and "\n\nIn words" in drawn


def test_an_empty_folder_will_do_and_what_stops_a_build_is_one_sentence(
    tmp_path, monkeypatch, capsys
):
    def stopped_by(error):
        def stage(folder):
            folder.mkdir()
            raise error

        monkeypatch.setattr(command.staging, "stage", stage)
        code = command.main(["--out", str(tmp_path)])
        return code, capsys.readouterr().err.strip()

    assert stopped_by(SlideError("1.md, slide 2: no figure")) == (
        2,
        "No site was written: 1.md, slide 2: no figure.",
    )
    assert stopped_by(PermissionError(13, "Permission denied"))[0] == 2
    assert stopped_by(KeyboardInterrupt())[0] == 130
    assert not any(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert command.main(["--out", str(tmp_path / "file" / "site")]) == 2
    assert capsys.readouterr().err.startswith("No site was written: ")


def test_who_stops_it_while_it_loads_reads_one_sentence(tmp_path):
    stopping = """
import runpy, sys
class Stop:
    def find_spec(self, name, *more):
        if name == "nbformat":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
runpy.run_module("scripts.site", run_name="__main__")
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", stopping, "--out", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"{command.STOPPED}\n")


def test_a_missing_extra_and_a_folder_of_something_else_are_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    assert command.main(["--out", str(tmp_path)]) == 2
    assert "is there and is no site" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").exists()
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "furo" else True)
    assert command.main(["--out", str(tmp_path / "new")]) == 2
    assert 'needs furo: make site, or pip install -c constraints.txt -e ".[site]"' in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "new").exists()
