"""The translator, driven by setting its controls."""

import base64
import re
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fer_utils import widgets
from fer_utils.errors import FerError
from fer_utils.translate import Pair
from fer_utils.translate.similarity import WINDOW
from fer_utils.widgets import nets
from tests.test_widgets import Bright, Broken, faces, upload

CLASSES = ("angry", "happy")
CARD = {"net": {"generator": "change", "channels": 1, "filters": 1, "blocks": 0}}
NETS = {"upper": Bright(slice(0, 8)), "lower": Bright(slice(8, 16)), "broken": Broken()}


class Lighter(nn.Module):
    """Adds to every pixel."""

    def __init__(self, step):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(step))

    def forward(self, pictures):
        return pictures + self.step


def pair(step=40, classes=CLASSES, size=16):
    nets = {classes[1]: Lighter(step / 127.5), classes[0]: Lighter(-step / 127.5)}
    return Pair(classes, size, nets, CARD)


TRUTH = {"happy": (faces().images // 2).astype(np.uint8)}


@pytest.fixture
def translator():
    return widgets.translator({"by 40": pair(), "by 8": pair(8)}, faces(), NETS, TRUTH)


def shown(translator):
    """What stands in the page: title -> RGB (H, W, 3)."""
    found = {}
    for title, content in re.findall(
        r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)"', translator.view.value
    ):
        found[title] = np.asarray(Image.open(BytesIO(base64.b64decode(content)))).astype(int)
    return found


def same(pixels, image):
    np.testing.assert_array_equal(pixels[..., 0], image[0])


def test_face_translation_back_difference_and_truth(translator):
    image = faces().images[0]
    made = np.minimum(image.astype(int) + 40, 255)
    pictures = shown(translator)
    assert list(pictures)[:5] == [
        "the face",
        "made happy",
        "back to angry",
        "difference",
        "the truth",
    ]
    same(pictures["the face"], image)
    same(pictures["made happy"], made)
    same(pictures["back to angry"], made - 40)
    same(pictures["difference"], 128 + made - image)
    same(pictures["the truth"], TRUTH["happy"][0])


def test_maps_are_those_of_what_the_net_says(translator):
    state = translator.state
    pictures = widgets.translator_pictures(state)
    maps = widgets.translator_maps(state, pictures)
    assert len(maps) == 2
    assert all(re.fullmatch(r"(the face|made happy): (angry|happy) [01]\.\d\d", t) for t in maps)
    for title, drawn in maps.items():
        np.testing.assert_array_equal(shown(translator)[title], drawn.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("control", "value"),
    [("to", "angry"), ("generators", "by 8"), ("strength", 50), ("model", "lower"), ("face", 3)],
)
def test_every_control_redraws(translator, control, value):
    before = translator.view.value
    getattr(
        translator if hasattr(translator, control) else translator.source, control
    ).value = value
    translator.wait()
    assert translator.view.value != before
    assert 'role="status"' in translator.message.value


def test_a_net_of_the_kit_is_read_when_it_is_chosen(monkeypatch):
    read = []
    monkeypatch.setattr(nets, "pretrained", lambda name: read.append(name) or NETS["upper"])
    names = ["mini_xception_facs3d", "deep_emotion_facs3d"]
    translator = widgets.translator(pair(), faces(), names)
    assert read == names[:1]
    for name in names[::-1]:
        translator.model.value = name
        translator.wait()
    assert read == names


def test_strength_mixes(translator):
    translator.strength.value = 0
    translator.wait()
    same(shown(translator)["made happy"], faces().images[0])
    assert (shown(translator)["difference"] == 128).all()


def test_truth_is_that_of_the_chosen_face_and_expression(translator):
    translator.source.label.value, translator.source.face.value = "happy", 1
    translator.wait()
    same(shown(translator)["the truth"], TRUTH["happy"][2])
    assert "SSIM with the truth" in translator.message.value
    translator.to.value = "angry"
    translator.wait()
    assert "the truth" not in shown(translator)
    assert "Nobody knows" in translator.message.value


def test_neutral_twins_are_the_truth_of_neutral():
    known = faces()
    twins = np.zeros_like(known.images)
    twins[1] = 77
    both = pair(classes=("neutral", "happy"))
    translator = widgets.translator({"by 40": both}, replace(known, twins=twins), NETS)
    translator.to.value = "neutral"
    translator.wait()
    assert "the truth" not in shown(translator)  # zeros: nobody knows that of face 0
    translator.source.face.value = 1
    translator.wait()
    assert (shown(translator)["the truth"] == 77).all()


def test_an_upload_of_another_size_is_refused_in_a_sentence(translator):
    file = BytesIO()
    Image.fromarray(faces().images[0, 0].repeat(4, 0).repeat(4, 1)).save(file, "PNG")
    translator.source.middle.value = True
    upload(translator, file.getvalue())
    assert "48 x 48 pixels" in translator.message.value
    assert translator.view.value == "" and "image/png" not in translator._repr_mimebundle_()[0]
    translator.source.face.value = 2
    translator.wait()
    same(shown(translator)["the face"], faces().images[2])
    same(shown(translator)["the truth"], TRUTH["happy"][2])


def test_a_net_that_fails_says_so(translator):
    translator.model.value = "broken"
    translator.wait()
    assert 'role="alert"' in translator.message.value
    assert "&lt;out of order&gt;" in translator.message.value
    assert translator.view.value == ""


def test_other_generators_bring_their_classes():
    both = {"happy": pair(), "sad": pair(classes=("neutral", "sad"))}
    translator = widgets.translator(both, faces(), NETS)
    translator.generators.value = "sad"
    translator.wait()
    assert translator.to.options == ("sad", "neutral")
    assert "made sad" in shown(translator) and 'role="status"' in translator.message.value


def test_a_page_without_widgets_has_a_still_figure(translator):
    forms, metadata = translator._repr_mimebundle_()
    assert forms["image/png"]
    assert "made happy" in metadata["image/png"]["alt"]


@pytest.mark.parametrize(
    ("pairs", "options", "says"),
    [
        ("change_facs3", {}, "change_facs3d"),
        ([], {}, "name pairs"),
        (3, {}, "name pairs"),
        ({"these": 3}, {}, "no pair of generators"),
        (None, {"faces": 3}, "FaceSet"),
        (pair(), {"faces": faces().take([])}, "no faces"),
        (pair(), {"models": []}, "no models"),
        (pair(), {"truth": 3}, "by expression"),
        (pair(), {"truth": {"happy": TRUTH["happy"][:2]}}, "one for each"),
    ],
)
def test_bad_arguments_get_a_sentence(pairs, options, says):
    with pytest.raises(FerError, match=says):
        widgets.translator(pairs, **{"faces": faces(), "models": NETS, **options})


def test_without_faces_people_are_drawn_with_the_truth(monkeypatch):
    def drawn(expression, identities, size):
        return np.full((len(list(identities)), 1, size, size), 200 - len(expression), np.uint8)

    monkeypatch.setattr("fer_utils.translate.drawing.drawn", drawn)
    translator = widgets.translator({"by 40": pair(classes=("neutral", "disgust"))}, models=NETS)
    assert (shown(translator)["the truth"] == 200 - len("disgust")).all()
    assert min(translator.source.image.shape[1:]) >= WINDOW
