"""Figures in a dark notebook, and who says that it is one."""

import base64
from io import BytesIO

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from fer_utils import plots
from fer_utils.plots import dark
from fer_utils.plots.picture import bundle

PAGE = [0x11] * 3
BLUE, LIGHT_BLUE = "#20457c", (0x8B, 0xAD, 0xE0)


def pixels(png):
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


def shown(figure):
    """Return what a notebook shows of a figure, and what is saved of it."""
    forms, _ = bundle(figure, "words")
    return pixels(base64.b64decode(forms["image/png"])), pixels(plots.png(figure))


@pytest.fixture
def dark_page(monkeypatch):
    monkeypatch.setenv(dark.THEME_VARIABLE, "dark")


def face():
    return np.random.default_rng(0).integers(0, 256, (12, 12)).astype(np.uint8)


def test_paper_and_ink_change_places_and_faces_stay(dark_page):
    on_page, saved = shown(plots.faces([face()], ["a title"], scale=3))
    assert on_page[0, 0].tolist() == PAGE and saved[0, 0].tolist() == [255] * 3
    same = (on_page == saved).all(-1)
    assert 0.6 < same.mean() < 0.95
    middle = [slice(side // 3, -side // 4) for side in same.shape]
    assert same[tuple(middle)].all()
    assert on_page[~same].max() > 200 > 60 > saved[~same].min()  # the letters of the title
    assert same.all(1).sum() == 0  # paper is around the face on every row


def test_a_hue_stays_what_it_is(dark_page):
    on_page, _ = shown(plots.bars(["a", "b"], [0.1, 0.9]))
    near = np.abs(on_page - LIGHT_BLUE).max(-1) < 3
    assert near.mean() > 0.03


def test_colors_of_a_map_stay_with_the_bar_that_explains_them(dark_page):
    heat = np.linspace(-1, 1, 144).reshape(12, 12)
    on_page, saved = shown(plots.saliency(face(), heat))
    strongest = np.abs(saved - (103, 0, 31)).max(-1) < 12  # the dark red end
    assert strongest.any() and (on_page == saved)[strongest].all()
    figure, axes = plt.subplots()
    points = axes.scatter([1, 2, 3], [1, 2, 3], c=[1, 2, 3], cmap="Greys", s=400)
    bar = figure.colorbar(points)
    on_page, saved = shown(figure)
    box = bar.ax.bbox
    column = round((box.x0 + box.x1) / 2 / figure.bbox.width * saved.shape[1])
    ends = [round((1 - y / figure.bbox.height) * saved.shape[0]) for y in (box.y1 - 4, box.y0 + 4)]
    dark_end, light_end = (on_page[row, column].mean() for row in ends)
    plt.close(figure)
    assert dark_end > light_end  # with its points: the strongest is what differs most from the page


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"theme": "JupyterLab Dark"}', True),
        ('// Theme\n// @jupyterlab/x\n\n{\n  // Selected\n  "theme": "JupyterLab Dark"\n}', True),
        ('{"theme": "JupyterLab Light"}', False),
        ('// "theme": "JupyterLab Dark"\n{}', False),
        ('{"theme": "JupyterLab Dark", "adaptive-theme": true}', False),
        ("{", False),
        ("[]", False),
        (None, False),
    ],
)
def test_the_theme_is_the_one_chosen_in_jupyterlab(tmp_path, monkeypatch, written, expected):
    monkeypatch.delenv(dark.THEME_VARIABLE, raising=False)
    monkeypatch.setenv("JUPYTERLAB_SETTINGS_DIR", str(tmp_path))
    monkeypatch.setenv(dark.SESSION, "a.ipynb")
    if written is not None:
        (tmp_path / dark.CHOSEN).parent.mkdir(parents=True)
        (tmp_path / dark.CHOSEN).write_text(written)
    assert dark.asked() is expected
    monkeypatch.setenv(dark.THEME_VARIABLE, "light" if expected else "dark")
    assert dark.asked() is not expected
    monkeypatch.delenv(dark.THEME_VARIABLE)
    monkeypatch.delenv(dark.SESSION)
    assert dark.asked() is False


def test_a_cell_shows_our_form_of_a_figure_whatever_pyplot_has_asked_for():
    shell = InteractiveShell.instance()
    drawer = shell.display_formatter.formatters["image/png"]
    before = drawer.for_type(Figure, lambda figure: "the inline backend's")
    try:
        figure = plots.bars(["a", "b"], [0.1, 0.9])
        forms, about = shell.display_formatter.format(figure)
        assert about["image/png"]["alt"] == figure.alt
        assert forms["image/png"] == bundle(figure, "")[0]["image/png"]
    finally:
        drawer.for_type(Figure, before) if before else drawer.pop(Figure)
