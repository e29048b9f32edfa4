"""The explorers, driven by setting their controls."""

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import cbook
from PIL import Image
from torch import nn

import faces3d
from faces3d.action_units import NAMES, PROTOTYPES
from fer_utils import data, evaluate, models, saliency, widgets
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.plots.grids import to_pixels
from fer_utils.widgets import explorer as module
from fer_utils.widgets import face_picker, judging, nets, pace
from fer_utils.widgets.latest import Latest

CLASSES = ("angry", "happy")


class Bright(nn.Module):
    classes = CLASSES

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, pictures):
        mean = pictures[..., self.part, :].mean((1, 2, 3))
        return torch.stack([1 - mean, 3 * mean], 1)


class Broken(nn.Module):
    def forward(self, pictures):
        raise RuntimeError("<out of order>")


class Slow(Bright):
    """Waits in its first pass until it is let go."""

    def __init__(self):
        super().__init__(slice(0, 8))
        self.started, self.go = threading.Event(), threading.Event()

    def __deepcopy__(self, memo):
        return self

    def forward(self, pictures):
        self.started.set()
        assert self.go.wait(20)
        return super().forward(pictures)


NETS = {"upper": Bright(slice(0, 8)), "lower": Bright(slice(8, 16)), "broken": Broken()}


def faces():
    images = np.random.default_rng(0).integers(60, 256, (5, 1, 16, 16), np.uint8)
    return FaceSet("toy", images, np.array([0, 1, 1, 0, 1]), CLASSES, np.array(["test"] * 5))


@pytest.fixture
def explorer():
    return widgets.occlusion_explorer(faces(), NETS)


def pixels(frame, name="face"):
    return np.frombuffer(frame[name], np.uint8).reshape(*frame["size"], 4)[..., :3]


def table(frame):
    return np.frombuffer(frame["table"], np.float32).reshape(*frame["counts"], -1)


def upload(explorer, content, name="me.png"):
    about = {"name": name, "type": "image/png", "size": len(content)}
    about["last_modified"] = datetime(2026, 1, 1, tzinfo=UTC)
    explorer.source.upload.value = ({**about, "content": content},)
    explorer.wait()


def test_only_public_names_are_offered():
    assert dir(widgets) == sorted(widgets.__all__)
    assert all(hasattr(widgets, name) for name in widgets.__all__)


def test_widgets_add_little_to_what_their_work_loads():
    code = (
        "import sys, fer_utils.data, fer_utils.evaluate, fer_utils.models, fer_utils.saliency\n"
        "before = set(sys.modules)\nimport fer_utils.widgets\n"
        "assert 'ipywidgets' not in sys.modules\nfer_utils.widgets.Explorer\n"
        "print(*set(sys.modules) - before)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    added = {name.split(".")[0] for name in made.stdout.split()}
    assert {"ipywidgets", "anywidget"} <= added
    assert not {"captum", "numba", "llvmlite", "cv2", "seaborn", "pandas", "faces3d"} & added


# --- pure functions: a state in, what is shown out


def test_data_holds_what_the_page_needs():
    image = faces().images[1]
    state = widgets.ExplorerState(NETS["upper"], image, 5, 3, "mean", "angry")
    view = widgets.explore(state)
    found = widgets.explorer_data(view)
    omap = saliency.occlusion(NETS["upper"], image, window=5, stride=3, fill="mean")
    np.testing.assert_array_equal(table(found), omap.probabilities)
    np.testing.assert_array_equal(np.frombuffer(found["clean"], np.float32), omap.clean)
    np.testing.assert_array_equal(pixels(found), to_pixels(image))
    assert (found["counts"], found["window"], found["stride"]) == ([5, 5], [5, 5], [3, 3])
    assert (found["target"], found["classes"]) == (0, ["angry", "happy"])
    assert found["peak"] == list(omap.peak("angry"))
    covered = omap.cover(image, *found["peak"])
    top, left, bottom, right = omap.box(*found["peak"])
    paint = pixels(found, "paint")[top:bottom, left:right]
    np.testing.assert_array_equal(paint, to_pixels(covered.numpy())[top:bottom, left:right])


def test_map_is_white_at_zero_red_above_and_blue_below():
    face = np.full((1, 1, 3), 255, np.uint8)
    drawn, palette, limits = widgets.views.colored(face, np.array([[-2.0, 0.0, 2.0]]), True)
    (low, zero, high) = drawn[0].astype(int)
    assert low[2] > low[0] + 50 and high[0] > high[2] + 50 and np.ptp(zero) < 4 < 240 < zero.min()
    assert limits == [-2, 0, 2] and len(palette) == 1024
    drawn, _, limits = widgets.views.colored(face, np.array([[0.0, 1.0, 2.0]]), False)
    assert (np.diff(drawn[0].astype(int).sum(-1)) < -50).all() and limits == [0, 2]


@pytest.mark.parametrize("method", saliency.METHODS)
def test_every_method_has_its_map(method):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.classes = CLASSES
    state = widgets.ExplorerState(net, faces().images[0], target="happy", method=method)
    view = widgets.explore(state)
    if method != "occlusion":
        expected = saliency.attribute(net, faces().images[0], method, "happy")
        np.testing.assert_array_equal(view.heat, expected.map)
    found = widgets.explorer_data(view)
    assert "happy" in found["title"]
    assert len(found["limits"]) == (3 if saliency.METHODS[method].signed else 2)
    assert "happy" in widgets.explorer_figure(view).alt


@pytest.mark.parametrize("method", ["occlusion", "gradient"])
def test_refined_views_end_with_that_of_explore(method):
    state = widgets.ExplorerState(NETS["lower"], faces().images[0], 8, 1, method=method)
    views = list(widgets.refined(state))
    assert [view.omap.stride[0] for view in views] == [8, 4, 2, 1]
    expected = widgets.explorer_data(widgets.explore(state))
    np.testing.assert_allclose(table(widgets.explorer_data(views[-1])), table(expected), atol=1e-6)
    np.testing.assert_allclose(views[-1].heat, widgets.explore(state).heat, atol=1e-6)


# --- the shells


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("model", "lower"),
        ("label", "happy"),
        ("face", 3),
        ("window", 5),
        ("stride", 5),
        ("fill", "noise"),
        ("target", "angry"),
        ("method", "gradient"),
    ],
)
def test_every_control_redraws(explorer, control, value):
    before = explorer.view.frame
    getattr(explorer if hasattr(explorer, control) else explorer.source, control).value = value
    explorer.wait()
    assert explorer.view.frame != before
    assert explorer.message.value == ""


def test_frame_is_that_of_the_state(explorer):
    explorer.window.value, explorer.fill.value, explorer.source.face.value = 6, "mean", 2
    explorer.wait()
    state = explorer.state
    np.testing.assert_array_equal(state.image, faces().images[2])
    assert (state.window, state.fill, state.net) == (6, "mean", NETS["upper"])
    assert explorer.view.frame == widgets.explorer_data(widgets.explore(state))


def test_one_movement_asks_once(explorer, monkeypatch):
    asked = []
    monkeypatch.setattr(explorer._latest, "ask", asked.append)
    explorer.stride.value = 6
    explorer.window.value = 4  # moves the stride as well
    explorer.source.face.value = 4
    explorer.source.label.value = "angry"  # moves the face as well
    assert [one.state.stride for (one,), _ in asked] == [6, 4, 4, 4]


def test_stride_never_leaves_gaps(explorer):
    explorer.window.value, explorer.stride.value = 7, 7
    explorer.window.value = 3
    explorer.wait()
    assert (explorer.stride.value, explorer.stride.max) == (3, 3)
    assert explorer.message.value == ""


def test_class_filter_keeps_faces_of_that_class(explorer):
    source = explorer.source
    source.label.value = "happy"
    assert source.face.max == 2
    for position, index in enumerate((1, 2, 4)):
        source.face.value = position
        np.testing.assert_array_equal(explorer.state.image, faces().images[index])
    source.label.value = "all"
    assert source.face.max == 4


def test_errors_are_shown_and_the_old_picture_is_not(explorer):
    explorer.model.value = "broken"
    explorer.wait()
    assert 'role="alert"' in explorer.message.value
    assert "cannot take an input" in explorer.message.value
    assert "&lt;out of order&gt;" in explorer.message.value
    assert explorer.view.layout.display == "none"
    assert "image/png" not in explorer._repr_mimebundle_()[0]
    explorer.model.value = "lower"
    explorer.wait()
    assert explorer.message.value == ""
    assert explorer.view.layout.display is None


def test_pretrained_models_are_read_when_chosen(monkeypatch):
    read = []
    monkeypatch.setattr(nets, "pretrained_names", lambda: ["upper", "lower", "lost"])

    def pretrained(name):
        read.append(name)
        if name == "lost":
            raise FerError("its weights are damaged")
        return NETS[name]

    monkeypatch.setattr(nets, "pretrained", pretrained)
    monkeypatch.setattr(nets, "about", nets.About)  # these have no cards
    explorer = widgets.occlusion_explorer(faces())
    assert read == ["upper"]
    explorer.model.value = "lower"
    explorer.model.value = "upper"
    explorer.wait()
    assert read == ["upper", "lower"]
    explorer.model.value = "lost"
    assert "its weights are damaged" in explorer.message.value


def test_a_still_figure_stands_in_where_widgets_do_not_work(explorer):
    forms, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in forms
    figure = widgets.explorer_figure(widgets.explore(explorer.state))
    assert metadata["image/png"]["alt"] == figure.alt
    assert len(forms["image/png"]) > 1000


def controls(widget):
    for child in getattr(widget, "children", ()):
        yield from controls(child)
    if hasattr(widget, "description"):
        yield widget


def test_controls_are_labelled(explorer):
    for one in (explorer, widgets.face_explorer({"upper": NETS["upper"]})):
        found = list(controls(one))
        assert len(found) >= 10
        named = [c.description or c.tooltip or hasattr(c, "placeholder") for c in found]
        assert all(named)


def test_nothing_to_explore():
    with pytest.raises(FerError, match="no faces"):
        widgets.occlusion_explorer(faces().take([]), NETS)
    for make in (
        lambda: widgets.occlusion_explorer(faces(), {}),
        lambda: widgets.face_explorer([]),
    ):
        with pytest.raises(FerError, match="no models"):
            make()


# --- in the background


def test_only_the_latest_is_done():
    done, started, go = [], threading.Event(), threading.Event()

    def work(job, stale):
        started.set()
        assert go.wait(20)
        done.append((job, stale()))

    latest = Latest(work)
    latest.ask("first")
    assert started.wait(20)
    for job in ("second", "third", "last"):
        latest.ask(job)
    go.set()
    latest.wait()
    assert done == [("first", True), ("last", False)]


def test_a_newer_state_ends_an_older_one():
    net = Slow()
    net.go.set()
    explorer = widgets.occlusion_explorer(faces(), {"slow": net})
    net.go.clear()
    net.started.clear()
    explorer.window.value = 4
    assert net.started.wait(20)
    explorer.window.value = 6
    net.go.set()
    explorer.wait()
    assert explorer.view.frame["window"] == [6, 6]


def test_stop_keeps_the_picture_and_says_so():
    net = Slow()
    net.go.set()
    explorer = widgets.occlusion_explorer(faces(), {"slow": net})
    before = explorer.view.frame
    net.go.clear()
    net.started.clear()
    explorer.window.value = 4
    assert net.started.wait(20)
    explorer.stop.click()
    net.go.set()
    explorer.wait()
    assert explorer.view.frame == before
    assert "Stopped" in explorer.message.value
    explorer.window.value = 5
    explorer.wait()
    assert explorer.view.frame["window"] == [5, 5] and explorer.message.value == ""


def test_long_work_counts_its_squares(monkeypatch):
    said = []
    monkeypatch.setattr(module, "PATIENCE", 0)
    monkeypatch.setattr(pace, "SOON", 0)

    def say(self, words):
        said.append((words, self.stop.layout.display))

    monkeypatch.setattr(module.Explorer, "_say", say)
    explorer = widgets.occlusion_explorer(faces(), NETS)
    assert said[0] == ("0 of 25 squares ...", None)
    assert explorer.stop.layout.display == "none" and not explorer.view.busy
    shown = []
    explorer.view.observe(lambda change: shown.append(change.new["stride"][0]), "frame")
    explorer.fill.value = "mean"
    explorer.wait()
    assert shown == [8, 4, 2]  # what takes long is shown coarsely at first


# --- the drawn face


def test_every_action_unit_has_a_slider_with_a_plain_name():
    units = widgets.face_explorer({"upper": NETS["upper"]}).source.units
    assert sorted(units) == sorted(NAMES)
    for unit, control in units.items():
        assert control.description.startswith(f"{unit} ") and NAMES[unit] in control.tooltip


def test_face_is_that_of_the_sliders():
    explorer = widgets.face_explorer({"upper": NETS["upper"]})
    source = explorer.source
    np.testing.assert_array_equal(source.image[0], faces3d.draw("happy"))
    source.units[12].value, source.units[26].value = 50, 80
    source.yaw.value, source.light.value, source.person.value = 20, "left", 2
    explorer.wait()
    expected = faces3d.draw(
        identity=2, action_units={6: 0.9, 12: 0.5, 25: 1, 26: 0.8}, yaw=20, light="left"
    )
    np.testing.assert_array_equal(source.image[0], expected)
    assert source.start.value == "your own"
    np.testing.assert_array_equal(pixels(explorer.view.frame)[..., 0], expected)


def test_an_expression_sets_its_units_and_draws_once():
    source = widgets.face_explorer({"upper": NETS["upper"]}).source
    drawn = []
    source.observe(drawn.append, "image")
    source.start.value = "surprise"
    values = {unit: control.value for unit, control in source.units.items() if control.value}
    assert values == {unit: round(100 * v) for unit, v in PROTOTYPES["surprise"][0].items()}
    assert len(drawn) == 1 and source.start.value == "surprise"


# --- the right net for the face


def test_cards_give_every_pretrained_net_a_name_for_people(monkeypatch):
    found = nets.Nets(None, nets.PHOTOGRAPHS)
    titles = [found.title(name) for name in found]
    assert len(set(titles)) == len(found) == len(models.pretrained_names())
    for name in found:
        about, card = found.about(name), models.card(name)
        assert about.kind == (nets.DRAWN if name.endswith("facs3d") else nets.PHOTOGRAPHS)
        assert f"{100 * card['scores']['valid']['accuracy']:.1f} %" in found.title(name)
        assert f"{card['scores']['valid']['n']:,}" in about.learned
    kinds = [found.about(name).kind for name in found]
    assert kinds == sorted(kinds, reverse=True)  # photographs first
    assert found.best(nets.PHOTOGRAPHS) == "small_resnet_ferplus"
    monkeypatch.setattr(nets, "_took", {})
    took = [found.took("small_resnet_ferplus", seconds) for seconds in (0.21, 0.2, 0.1)]
    assert took == [True, False, True]
    assert found.title("small_resnet_ferplus") == "small ResNet, photographs, 86.9 %, 100 ms"
    mine = nets.Nets({"small_resnet_ferplus": NETS["upper"]})  # anybody's net may be called so
    assert mine.title("small_resnet_ferplus") == "small_resnet_ferplus"
    assert not mine.took("small_resnet_ferplus", 0.1)


@pytest.fixture(scope="module")
def drawn():
    return data.load("facs3d", split="test", progress=False)


@pytest.fixture
def both(drawn):
    """An explorer of drawn faces, with nets for these and for photographs."""
    names = ["mini_xception_facs3d", "mini_xception_fer2013", "mini_xception_ferplus"]
    explorer = widgets.occlusion_explorer(drawn.take(slice(0, 100)), names)
    explorer.stride.value = 8
    explorer.wait()
    return explorer


def test_a_photograph_is_answered_by_a_net_for_photographs_the_other_beside_it(both):
    assert "Learned from 5,310 drawn faces" in both.learned.value
    upload(both, Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).read_bytes())
    assert (both.model.value, both.beside.value) == (
        "mini_xception_ferplus",
        "mini_xception_facs3d",
    )
    assert "Learned from 25,060 photographs" in both.learned.value
    frame, beside = both.view.frame, both.view.beside
    said = [f["classes"][np.frombuffer(f["clean"], np.float32).argmax()] for f in (frame, beside)]
    assert said == ["neutral", "happy"]
    assert "nobody has labelled it; the net says neutral" in both.known.value
    assert not both.source.back.disabled
    both.model.value = "mini_xception_facs3d"
    both.wait()
    assert "It has never seen photographs" in both.learned.value
    both.source.back.click()
    both.wait()
    assert (both.model.value, both.beside.value) == ("mini_xception_facs3d", "nothing")
    assert both.view.beside == {} and "face 0 of 100, labelled happy" in both.known.value
    assert both.source.back.disabled


def test_the_line_on_the_face_and_the_filter_by_answers(both, drawn):
    judged = evaluate.evaluate(both.state.net, both.source.faces)
    wrong = np.flatnonzero(judged.predictions != judged.labels)
    unsure = np.flatnonzero(judged.probabilities.max(1) < 0.5)
    assert 0 < len(wrong) < 50
    both.answers.value = "wrong"
    both.wait()
    assert both.source.place == wrong[0] and both.source.face.max == len(wrong) - 1
    label = drawn.classes[drawn.labels[wrong[0]]]
    assert f"face {wrong[0]} of 100, labelled {label}; taggers: " in both.known.value
    assert f"the net says {drawn.classes[judged.predictions[wrong[0]]]}" in both.known.value
    assert ": wrong" in both.known.value
    both.answers.value = "right"
    both.wait()
    assert both.source.face.max == 100 - len(wrong) - 1 and ": right" in both.known.value
    both.answers.value = next(name for name in both.answers.options if name.startswith("unsure"))
    both.wait()
    assert both.source.face.max == (len(unsure) - 1 if len(unsure) else 99)
    both.answers.value = "all"
    both.wait()
    assert both.source.face.max == 99 and both.message.value == ""


def test_words_for_what_a_net_says():
    clean = np.array([0.45, 0.4, 0.15])
    assert judging.verdict("a", ("a", "b", "c"), clean) == "the net says a, 45 %: right and unsure"
    assert judging.verdict("b", ("a", "b", "c"), clean) == "the net says a, 45 %: wrong and unsure"
    assert judging.verdict("d", ("a", "b", "c"), clean).endswith("it has no word for d")
    assert judging.verdict(None, ("a", "b", "c"), clean) == "the net says a, 45 %"


def test_another_data_set_brings_its_faces_and_a_net_that_suits(both, monkeypatch):
    plain = faces()
    photographs = replace(plain, name="jaffe", split=np.array(["valid"] * 3 + ["test"] * 2))
    both.source.dataset.options = ["facs3d", "jaffe", "kdef"]
    both.wait()

    def load(name, progress):
        if name == "kdef":
            raise FerError("kdef is damaged")
        return photographs

    monkeypatch.setattr(face_picker.data, "load", load)
    both.source.dataset.value = "jaffe"
    both.wait()
    assert len(both.source.faces) == 3  # what is kept for a last look is not looked at
    assert both.model.value == "mini_xception_ferplus" and "of 3, labelled" in both.known.value
    both.source.dataset.value = "kdef"
    assert "kdef is damaged" in both.source.message.value
    assert both.source.dataset.value == "jaffe" and len(both.source.faces) == 3
    both.source.dataset.value = "facs3d"
    both.wait()
    assert both.model.value == "mini_xception_facs3d" and len(both.source.faces) == 100


def test_two_faces_under_one_square(explorer):
    explorer.beside.value = "the face as it is now"
    explorer.source.face.value = 3
    explorer.stride.value = 4
    explorer.wait()
    now, before = explorer.view.frame, explorer.view.beside
    np.testing.assert_array_equal(pixels(now), to_pixels(faces().images[3]))
    np.testing.assert_array_equal(pixels(before), to_pixels(faces().images[0]))
    assert now["stride"] == before["stride"] == [4, 4]
    assert explorer.view.names == [
        "now: face 3 of 5, labelled angry",
        "before: face 0 of 5, labelled angry",
    ]
    explorer.beside.value = "lower"
    explorer.wait()
    np.testing.assert_array_equal(explorer.view.beside["face"], explorer.view.frame["face"])
    assert explorer.view.beside["clean"] != explorer.view.frame["clean"]
    assert "beside it, the net says" in explorer.known.value
    explorer.beside.value = "nothing"
    explorer.wait()
    assert explorer.view.beside == {}


def test_another_net_dims_at_once_and_its_answer_comes_before_its_map():
    net = Slow()
    explorer = widgets.occlusion_explorer(faces(), {"upper": NETS["upper"], "slow": net})
    seen = []
    explorer.view.observe(lambda change: seen.append((explorer.view.busy, change.new)), "frame")
    explorer.model.value = "slow"
    assert net.started.wait(20) and explorer.view.busy and not seen
    net.go.set()
    explorer.wait()
    assert not explorer.view.busy
    busy, first = seen[0]
    assert busy and "table" not in first and first["clean"] == seen[-1][1]["clean"]
    assert [frame["stride"][0] for _, frame in seen[1:]] == [8, 4, 2]


def test_a_cancelled_job_takes_its_message_with_it(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0)
    net = Slow()
    net.go.set()
    explorer = widgets.occlusion_explorer(faces(), {"slow": net, "upper": NETS["upper"]})
    net.go.clear()
    net.started.clear()
    explorer.window.value = 6
    assert net.started.wait(20)
    said = []
    explorer.message.observe(lambda change: said.append(change.new), "value")
    explorer._latest.stop()  # as a newer job does
    net.go.set()
    explorer.wait()
    assert "squares" not in explorer.message.value


def test_reset_brings_the_first_face_back():
    explorer = widgets.face_explorer({"upper": NETS["upper"]})
    source, first = explorer.source, explorer.source.image
    source.units[26].value, source.yaw.value, source.light.value = 80, 20, "below"
    drawn = []
    source.observe(drawn.append, "image")
    source.reset.click()
    assert len(drawn) == 1 and source.truth == "happy"
    np.testing.assert_array_equal(source.image, first)
    assert [source.stack.selected_index for source.page.index in range(5)] == list(range(5))


# --- uploads (what is made of the files is in test_widgets_uploads.py)


def photo():
    file = BytesIO()
    Image.fromarray(faces3d.draw("happy", 3, size=200)).save(file, "PNG")
    return file.getvalue()


def test_upload_is_shown_until_another_face_is_chosen(explorer):
    upload(explorer, photo())
    assert 'role="status"' in explorer.source.message.value
    assert explorer.state.image.shape == (1, 48, 48) and explorer.view.frame["size"] == [48, 48]
    explorer.source.face.value = 1
    explorer.wait()
    assert explorer.view.frame["size"] == [16, 16] and explorer.source.message.value == ""
    assert explorer.message.value == ""


def test_bad_upload_leaves_the_face_and_says_why(explorer):
    before = explorer.view.frame
    upload(explorer, b"<b>no picture</b>", "<notes>.png")
    assert explorer.view.frame == before
    assert 'role="alert"' in explorer.source.message.value
    assert "&lt;notes&gt;.png is not a picture" in explorer.source.message.value


def test_upload_without_a_face_offers_its_middle(explorer):
    file = BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    before = explorer.view.frame
    upload(explorer, file.getvalue())
    assert "no face was found" in explorer.source.message.value
    assert explorer.view.frame == before
    explorer.source.middle.value = True
    explorer.wait()
    assert "the middle is taken" in explorer.source.message.value
    np.testing.assert_array_less(pixels(explorer.view.frame)[0], 10)
    np.testing.assert_array_less(240, pixels(explorer.view.frame)[-1])


def two_people():
    """A wide picture: a smaller face at its left, a larger one at its right."""
    canvas = np.full((300, 560, 3), 120, np.uint8)
    canvas[60:220, 30:190] = faces3d.draw("angry", 5, size=160, color=True)
    canvas[30:270, 270:510] = faces3d.draw("happy", 3, size=240, color=True)
    file = BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    return file.getvalue()


def test_one_of_several_faces_is_chosen_and_its_map_lies_on_the_photograph(explorer):
    photo, sent = explorer.source.photo, []
    photo.send = lambda content, buffers=(): sent.append((content, list(buffers)))
    upload(explorer, two_people())
    (about, (picture,)), *_, (painted, (pixels,)) = sent
    large, small = about["boxes"]
    assert large[0] > 270 and small[0] < 190 and about["size"] == [560, 300]
    assert Image.open(BytesIO(picture)).size == (480, 257)
    assert large[0] <= painted["square"][0] + 10 <= large[0] + 20
    assert len(pixels) == 48 * 48 * 4
    first = explorer.state.image
    assert "click it" in explorer.source.message.value and photo.layout.display is None
    photo.chosen = 1
    explorer.wait()
    assert f"{small[2]} x {small[3]}" in explorer.source.message.value
    assert not np.array_equal(explorer.state.image, first)
    np.testing.assert_array_equal(pixels_of(explorer), explorer.state.image[0])
    assert sent[-1][0]["square"][0] < 190
    photo.chosen = 9
    assert photo.chosen == 1  # there are two
    explorer.source.face.value = 1
    explorer.wait()
    assert photo.layout.display == "none" and sent[-1][0] == {"boxes": []}


def pixels_of(explorer):
    return pixels(explorer.view.frame)[..., 0]


def test_a_photograph_is_in_no_trait_and_sent_to_a_page_that_comes_later(explorer):
    photo, sent = explorer.source.photo, []
    upload(explorer, two_people())
    assert not [value for value in photo.get_state().values() if isinstance(value, bytes)]
    photo.send = lambda content, buffers=(): sent.append(sorted(content))
    photo._handle_custom_msg({"ready": True}, [])
    assert sent == [["boxes", "size"], ["side", "square"]]
    photo._handle_custom_msg("nonsense", [])
    assert len(sent) == 2


@pytest.mark.parametrize(
    "shown, models, message",
    [
        (None, None, "faces are a FaceSet"),
        (faces().images, None, "faces are a FaceSet"),
        (faces(), "mini_exception", "models='mini_exception' is not known"),
        (faces(), ["mini_exception"], "is not known"),
        (faces(), {"mine": "a net"}, "a net is a torch.nn.Module"),
        (faces(), 3, "no models to explore"),
        (faces(), {}, "no models to explore"),
    ],
)
def test_what_cannot_be_explored_is_said(shown, models, message):
    with pytest.raises(FerError, match=message):
        widgets.occlusion_explorer(shown, models)


def test_a_net_that_gives_no_scores_is_a_message_not_a_traceback():
    class Net(nn.Module):
        def forward(self, pictures):
            return (pictures,)

    widget = widgets.occlusion_explorer(faces(), Net())
    widget.wait()
    assert "gives a tuple" in widget.message.value
