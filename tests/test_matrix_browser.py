"""The confusion matrix that opens, in JupyterLab in a real browser: pointer, keys and lists."""

import re

import nbformat
import numpy as np
import pytest

from fer_utils import data, models
from fer_utils.evaluate import evaluate
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.scores import in_cell
from tests.browser import ERRORS, STDERR, needed, opened

pytestmark = needed
NAME, FACES = "mini_xception_facs3d", 300
CELL = f"""
from fer_utils import data, models, widgets
from fer_utils.evaluate import evaluate
faces = data.load("facs3d", split="test", progress=False).take(range({FACES}))
widgets.confusion_explorer(faces, evaluate(models.pretrained("{NAME}"), faces))
"""
SHOWN = 'document.querySelector(".fer-cells[data-shown]") !== null'
PIXELS = """canvas => [...canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    with opened(tmp_path_factory.mktemp("jupyter"), notebook, SHOWN) as page:
        yield page


@pytest.fixture(scope="module")
def known():
    """The faces of the page, and what the net says of them."""
    faces = data.load("facs3d", split="test", progress=False).take(range(FACES))
    return faces, evaluate(models.pretrained(NAME), faces)


@pytest.fixture
def matrix(page):
    """Count, after the test, what the cell has raised or written on stderr."""
    yield page.locator(".fer-cells")
    assert page.locator(f"{ERRORS}, {STDERR}").count() == 0


def field(matrix, row, column):
    return matrix.locator("tbody tr").nth(row).locator("td").nth(column)


def chosen(matrix):
    """Wait until one field alone is chosen and its faces are shown; return its row and column."""
    marked = matrix.locator('td[aria-selected="true"]')
    words = re.match(r"labelled (\w+), answered (\w+): ", marked.get_attribute("aria-label"))
    label, answer = words.groups()
    heading = matrix.locator("h4", has_text=f"labelled {label} and answered {answer}")
    heading.wait_for()
    return label, answer


def chosen_in_lists(page):
    """Return what the two lists say."""
    lists = [page.locator(".widget-dropdown", has_text=name) for name in ("labelled", "answered")]
    return tuple(
        each.locator("select").evaluate("list => list.selectedOptions[0].text") for each in lists
    )


def test_fields_hold_the_counts(matrix, known):
    _, evaluation = known
    for i, row in enumerate(evaluation.confusion()):
        texts = matrix.locator("tbody tr").nth(i).locator("td").all_inner_texts()
        assert [int(text) for text in texts] == row.tolist()


def test_a_click_opens_the_faces_of_a_field(matrix, page, known):
    faces, evaluation = known
    happy, sad = (evaluation.classes.index(name) for name in ("happy", "sad"))
    field(matrix, sad, sad).click()
    matrix.locator("h4", has_text="labelled sad and answered sad").wait_for()
    field(matrix, happy, happy).click()
    matrix.locator("h4", has_text="labelled happy and answered happy").wait_for()
    assert chosen(matrix) == chosen_in_lists(page) == ("happy", "happy")
    where = in_cell(evaluation, "happy", "happy")
    pictures = matrix.locator(".fer-card canvas")
    assert pictures.count() == min(12, len(where)) > 3
    for k in (0, 3):
        found = np.array(pictures.nth(k).evaluate(PIXELS)).reshape(48, 48, 4)[..., :3]
        np.testing.assert_array_equal(found, to_pixels(faces.images[where[k]]))


def test_arrow_keys_go_from_field_to_field_and_stop_at_the_rim(matrix, page, known):
    names = known[1].classes
    field(matrix, 0, 0).click()
    for key, cell in (
        ("ArrowRight", (0, 1)),
        ("ArrowDown", (1, 1)),
        ("ArrowUp", (0, 1)),
        ("ArrowUp", (0, 1)),
        ("ArrowLeft", (0, 0)),
        ("ArrowLeft", (0, 0)),
    ):
        page.keyboard.press(key)
        assert chosen(matrix) == tuple(names[k] for k in cell)
        assert field(matrix, *cell).evaluate("cell => cell === document.activeElement")
    assert chosen_in_lists(page) == (names[0], names[0])


def test_lists_choose_a_field_too(matrix, page):
    page.locator(".widget-dropdown", has_text="labelled").locator("select").select_option("fear")
    matrix.locator("h4", has_text="labelled fear").wait_for()
    page.locator(".widget-dropdown", has_text="answered").locator("select").select_option("happy")
    matrix.locator("h4", has_text="labelled fear and answered happy").wait_for()
    assert chosen(matrix) == ("fear", "happy")


def test_shares_of_a_row_add_up(matrix, page, known):
    cells = page.locator(".widget-dropdown", has_text="in the cells").locator("select")
    cells.select_option("% of each row")
    matrix.locator('td[aria-label*="%"]').first.wait_for()
    for i in range(len(known[1].classes)):
        shares = matrix.locator("tbody tr").nth(i).locator("td").all_inner_texts()
        assert abs(sum(map(int, shares)) - 100) <= 4  # each is rounded
    cells.select_option("faces")
    matrix.locator('td[aria-label$="faces"]').first.wait_for()


def test_on_a_laptop_the_faces_lie_beside_the_matrix(matrix, page):
    page.set_viewport_size({"width": 1000, "height": 700})
    field(matrix, 3, 3).click()
    chosen(matrix)
    matrix.evaluate("node => node.scrollIntoView({block: 'start'})")
    table, face = (
        matrix.locator(name).first.bounding_box() for name in ("table", ".fer-card canvas")
    )
    assert face["x"] > table["x"] + table["width"]
    assert table["y"] <= face["y"] and face["y"] + face["height"] < table["y"] + table["height"]
