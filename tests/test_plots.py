"""Figures: that they show what they say, are described, and are written whole or not at all."""

import base64
import subprocess
import sys
from io import BytesIO

import matplotlib
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import pyplot as plt
from PIL import Image
from torch import nn

import fer_utils
from fer_utils import files, plots, saliency
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation
from fer_utils.plots import grids
from fer_utils.plots.maps import place
from fer_utils.train import History

CLASSES = ("angry", "happy", "sad")


class Mouth(nn.Module):
    """Happy where the lower third of the picture is bright, angry otherwise."""

    classes = CLASSES

    def forward(self, pictures):
        mouth = pictures[..., -4:, :].mean((1, 2, 3))
        return torch.stack([1 - mouth, 4 * mouth, 0 * mouth], 1)


def face():
    image = np.full((12, 12), 90, np.uint8)
    image[-4:] = 250
    return image


def occlusion_map(**options):
    return saliency.occlusion(Mouth(), face(), **{"window": 4, "stride": 2, **options})


def faceset():
    images = np.tile(face()[None, None], (6, 1, 1, 1))
    split = np.array(["train"] * 3 + ["valid", "test", "test"])
    return FaceSet("toy", images, np.array([0, 1, 1, 1, 2, 2]), CLASSES, split)


def evaluation():
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 0, 2, 1]]
    return Evaluation(probabilities, np.array([0, 1, 1, 1, 2, 2]), CLASSES)


def training(epochs=4):
    rows = [
        {
            "epoch": i,
            "learning_rate": 0.1,
            "train_loss": 2 / i,
            "train_accuracy": 0.2 * i,
            "valid_loss": 2.1 / i,
            "valid_accuracy": 0.9 - 0.1 * abs(i - 3),
            "seconds": 1.0,
        }
        for i in range(1, epochs + 1)
    ]
    return History(rows, "done")


def every_figure():
    omap = occlusion_map()
    return {
        "faces": plots.faces(faceset()),
        "counts": plots.counts(faceset()),
        "saliency": plots.saliency(face(), omap.heat(), "drop"),
        "occlusion": plots.occlusion(face(), omap),
        "occluded": plots.occluded(face(), omap),
        "confusion": plots.confusion(evaluation()),
        "history": plots.history(training()),
        "bars": plots.bars(CLASSES, [0.1, 0.7, 0.2]),
    }


def texts(figure):
    figure.draw_without_rendering()
    found = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    return [text for text in found if text]


@pytest.fixture(scope="module")
def figures():
    return every_figure()


def test_every_figure_is_described_fits_a_notebook_and_stays_out_of_pyplot(figures):
    for name, figure in figures.items():
        assert len(figure.alt) >= 20, name
        assert figure.get_size_inches()[0] <= 10, name
    assert plt.get_fignums() == []


def test_every_figure_draws_without_a_complaint(figures, recwarn):
    for name, figure in figures.items():
        picture = Image.open(BytesIO(plots.png(figure)))
        assert np.asarray(picture.convert("L")).std() > 5, name
    assert [str(warning.message) for warning in recwarn] == []


def test_nothing_sticks_out_of_the_figure(figures):
    for name, figure in figures.items():
        figure.draw_without_rendering()
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert box.x0 > -0.02 and box.x1 < width + 0.02, name
        assert box.y0 > -0.02 and box.y1 < height + 0.02, name


def test_ending_a_cell_with_a_figure_shows_one_described_picture(figures):
    shell = InteractiveShell.instance()
    forms, metadata = shell.display_formatter.format(figures["occlusion"])
    assert set(forms) == {"image/png", "text/plain"}
    alt = figures["occlusion"].alt
    assert forms["text/plain"] == f"Figure: {alt}"
    assert metadata["image/png"]["alt"] == alt
    picture = Image.open(BytesIO(base64.b64decode(forms["image/png"])))
    width, height = metadata["image/png"]["width"], metadata["image/png"]["height"]
    assert picture.width / picture.height == pytest.approx(width / height, rel=0.01)


def test_show_takes_any_figure_but_not_without_words(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata))
    )
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    with pytest.raises(FerError, match="alt="):
        plots.show(figure)
    plots.show(figure, alt="A line that rises from 1 to 2.")
    assert shown[0][1]["image/png"]["alt"] == "A line that rises from 1 to 2."
    assert plt.get_fignums() == []


def test_a_logarithmic_axis_of_ones_own_figure_has_numbers():
    figure, axes = plt.subplots()
    axes.semilogx([1, 1000], [0, 1])
    plots.picture.png(figure)
    assert axes.get_xticklabels()[0].get_parse_math()
    plt.close(figure)


def test_style_of_the_notebook_is_left_alone(figures):
    with plt.style.context("dark_background"):
        before = dict(matplotlib.rcParams)
        dark = np.asarray(Image.open(BytesIO(plots.png(plots.bars(CLASSES, [0, 0.5, 0.5])))))
        assert dict(matplotlib.rcParams) == before
    light = np.asarray(Image.open(BytesIO(plots.png(plots.bars(CLASSES, [0, 0.5, 0.5])))))
    np.testing.assert_array_equal(dark, light)


def test_a_notebook_s_own_figures_look_like_the_kit_s(capsys):
    with matplotlib.rc_context():
        fer_utils.setup("facs3d")
        figure, axes = plt.subplots()
        assert not axes.spines["top"].get_visible()
        assert axes.plot([0, 1])[0].get_color() == plots.picture.DARK
        assert matplotlib.rcParams["text.parse_math"] and matplotlib.rcParams["figure.hooks"]
        plt.close(figure)


def test_save_is_whole_or_nothing(tmp_path, figures, monkeypatch):
    for ending in ("png", "pdf", "svg"):
        path = plots.save(figures["bars"], tmp_path / f"bars.{ending}")
        assert path.stat().st_size > 1000
    for bad in ("bars", "bars.txt"):
        with pytest.raises(FerError, match="must end in"):
            plots.save(figures["bars"], tmp_path / bad)
    with pytest.raises(FerError, match="no folder"):
        plots.save(figures["bars"], tmp_path / "missing" / "bars.png")
    before = (tmp_path / "bars.pdf").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(FerError, match="disk full"):
        plots.save(figures["bars"], tmp_path / "bars.pdf")
    assert (tmp_path / "bars.pdf").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


def test_faces_are_drawn_as_they_are():
    figure = plots.faces(faceset(), columns=3)
    shown = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(shown) == 6
    np.testing.assert_array_equal(shown[0], np.repeat(face()[..., None], 3, -1))
    assert texts(figure) == ["angry", "happy", "happy", "happy", "sad", "sad"]
    assert figure.alt == "Pictures of 6 faces in 2 rows: angry, happy, happy, happy, sad, sad."


def test_derivatives_are_drawn_around_gray_or_from_black():
    signed = torch.zeros(2, 1, 8, 8)
    signed[0, 0, 0, 0], signed[1, 0, 0, 0] = -4, 2
    figure = plots.faces(signed)
    first, second = (np.asarray(image.get_array())[..., 0] for image in figure.axes[0].images)
    assert (first[0, 0], first[1, 1], second[0, 0]) == (0, 128, 191)
    assert "0 is mid-grey" in figure.alt
    figure = plots.faces(signed.abs())
    first, second = (np.asarray(image.get_array())[..., 0] for image in figure.axes[0].images)
    assert (first[0, 0], first[1, 1], second[0, 0]) == (255, 0, 128)
    assert "0 is black" in figure.alt


def test_faces_that_cannot_be_drawn():
    with pytest.raises(FerError, match="0 faces"):
        plots.faces(np.zeros((0, 1, 8, 8), np.uint8))
    with pytest.raises(FerError, match="201 faces"):
        plots.faces(np.zeros((grids.MOST_FACES + 1, 1, 8, 8), np.uint8))
    with pytest.raises(FerError, match="1 titles for 2"):
        plots.faces(np.zeros((2, 1, 8, 8), np.uint8), ["one"])


def test_counts_are_written_beside_their_bars():
    figure = plots.counts(faceset())
    for word in ("angry", "1", "happy", "3", "sad", "2", "train", "valid", "test"):
        assert word in texts(figure)
    assert "angry 1, happy 3, sad 2" in figure.alt


def test_heat_scale_is_symmetric_about_white():
    heat = np.zeros((12, 12), np.float32)
    heat[2, 3], heat[9, 9] = -0.2, 0.5
    figure = plots.saliency(np.full((12, 12), 255, np.uint8), heat)
    drawn = np.asarray(figure.axes[1].images[0].get_array())
    assert drawn[0, 0].min() > 0.95
    red, blue = drawn[9, 9], drawn[2, 3]
    assert red[0] > 1.5 * red[2]
    assert blue[2] > 1.2 * blue[0]
    assert figure.alt.endswith("highest at the lower right.")


def test_map_of_another_size_is_refused():
    with pytest.raises(FerError, match="does not fit"):
        plots.saliency(face(), np.zeros((5, 5)))


def test_occlusion_says_what_it_shows():
    omap = occlusion_map()
    assert omap.label == "happy"
    figure = plots.occlusion(face(), omap)
    assert f"label changes: {omap.flips().sum()} of 25" in texts(figure)
    assert "predicted happy" in figure.alt
    assert "at the lower left costs most" in figure.alt
    other = plots.occlusion(face(), omap, target="angry")
    assert "what “angry” rests on" in texts(other)


def test_occluded_faces_carry_the_nets_answer_and_mark_a_change():
    omap = occlusion_map(window=(4, 12), stride=4)
    figure = plots.occluded(face(), omap, [(0, 0), (2, 0)])
    covered = torch.stack([omap.cover(face(), row, 0) for row in (0, 2)])
    (_, first, _), (second, _, _) = Mouth()(covered).softmax(1)
    assert texts(figure) == [f"happy {100 * first:.0f} %", f"→ angry {100 * second:.0f} %"]
    shown = np.asarray(figure.axes[0].images[1].get_array())
    assert (shown[-4:] == 0).all()
    np.testing.assert_array_equal(shown[:8, :, 0], face()[:8])
    with pytest.raises(FerError, match=r"\(3, 0\) is outside the 3x1 grid"):
        plots.occluded(face(), omap, [(3, 0)])


def test_two_nets_answers_to_covered_faces_stand_below_each_other():
    class Forehead(Mouth):
        def forward(self, pictures):
            return super().forward(1 - pictures.flip(-2))

    ours, theirs = (
        saliency.occlusion(net, face(), window=4, stride=4) for net in (Mouth(), Forehead())
    )
    (title,) = texts(plots.occluded(face(), [ours, theirs], [(0, 0)]))
    above, below = title.split("\n")
    assert above == texts(plots.occluded(face(), ours, [(0, 0)]))[0]
    assert below == texts(plots.occluded(face(), theirs, [(0, 0)]))[0] != above
    for wrong in ([], [ours, occlusion_map(window=(4, 12), stride=4)]):
        with pytest.raises(FerError, match="maps: give one, or several with the same squares"):
            plots.occluded(face(), wrong)


def test_confusion_numbers_and_words():
    figure = plots.confusion(evaluation(), normalize=None)
    written = texts(figure)
    assert written.count("2") == 1
    assert written.count("1") == 4
    figure = plots.confusion(evaluation())
    assert "67" in texts(figure)
    assert "sad (2)" in texts(figure)
    axes = plots.confusion(evaluation(), normalize="pred").axes[0]
    below, beside = axes.get_xticklabels(), axes.get_yticklabels()
    columns = evaluation().confusion().sum(0)
    assert [one.get_text() for one in below] == [
        f"{name} ({n})" for name, n in zip(CLASSES, columns, strict=True)
    ]
    assert [one.get_text() for one in beside] == list(CLASSES)
    assert "most often right: angry" in figure.alt
    assert "most frequent mistake: happy taken for angry" in figure.alt


def test_confusion_of_a_class_without_faces():
    found = Evaluation(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 1]), CLASSES)
    assert "no mistakes" in plots.confusion(found).alt


def test_history_marks_the_best_epoch():
    figure = plots.history(training())
    for axes in figure.axes:
        assert [line.get_xdata()[0] for line in axes.lines if line.get_ls() == ":"] == [3]
    with pytest.raises(FerError, match="no epoch"):
        plots.history(History())


def test_ticks_of_an_accuracy_say_what_they_mark():
    result = training(2)
    for row, share in zip(result.epochs, (0.82, 1.0), strict=True):
        row.update(train_accuracy=share, valid_accuracy=share)
    figure = plots.history(result)
    figure.draw_without_rendering()
    axis = figure.axes[1].yaxis
    for place_, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True):
        assert float(label.get_text().removesuffix(" %")) == pytest.approx(100 * place_)


def test_bars_need_one_probability_per_class():
    assert "happy 70 %, sad 20 %, angry 10 %" in plots.bars(CLASSES, [0.1, 0.7, 0.2]).alt
    with pytest.raises(FerError, match="3 classes"):
        plots.bars(CLASSES, [0.5, 0.5])


def test_places_in_words():
    assert place((0, 0), (12, 12)) == "at the upper left"
    assert place((11, 6), (12, 12)) == "in the lower centre"
    assert place((6, 6), (12, 12)) == "in the middle"


def test_only_public_names_are_offered():
    assert dir(plots) == sorted(plots.__all__)
    assert all(hasattr(plots, name) for name in plots.__all__)


def test_importing_loads_nothing_that_only_some_figures_need():
    code = "import sys, fer_utils.plots; print(*{name.split('.')[0] for name in sys.modules})"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = "seaborn pandas scipy sklearn captum numba llvmlite cv2 torchvision safetensors IPython"
    assert "matplotlib" in made.stdout.split()
    assert not set(late.split()) & set(made.stdout.split())


def test_titles_of_two_lines_have_room():
    def top(titles):
        figure = plots.faces(np.zeros((2, 1, 8, 8), np.uint8), titles)
        figure.canvas.draw()
        ends = [text.get_window_extent().y1 for text in figure.axes[0].texts]
        return max(ends) - figure.bbox.y1

    assert top(["one", "two"]) < 1
    assert top(["one\nmore", "two"]) < 1
