"""Arguments that make no sense are refused in a sentence; what is plainly meant is taken."""

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from torch import nn

import fer_utils
from fer_utils import data, evaluate, models, plots, saliency, train
from fer_utils._arguments import choice, integer, number, seed
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.saliency import scores
from fer_utils.widgets import uploads

NAN, MANY_DIGITS = float("nan"), 10**20
NO_NUMBERS = [None, NAN, "8", [8], True, np.array([1, 2]), float("inf"), torch.tensor(True)]
SIDE = 24
IMAGES = np.random.default_rng(0).integers(0, 256, (14, 1, SIDE, SIDE), np.uint8)
PICTURE = IMAGES[0]
FACES = FaceSet("made", IMAGES, np.arange(14) % 7, FER7, np.full(14, "train"))
HEAT = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)


class Net(nn.Module):
    classes = FER7

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 7, 3)

    def forward(self, pictures):
        return self.conv(pictures).relu().mean((2, 3))


NET = Net().eval()
OMAP = saliency.occlusion(NET, PICTURE, window=12, stride=12)
ATTRIBUTION = saliency.attribute(NET, PICTURE, "gradient")
EVALUATION = evaluate.evaluate(NET, FACES)


@pytest.mark.parametrize("value", [8, np.int64(8), np.uint8(8), torch.tensor(8), 8.0, np.array(8)])
def test_whole_numbers_of_every_library_are_taken(value):
    found = integer("n", value, 1, 8)
    assert found == 8 and type(found) is int
    assert number("n", value) == 8.0


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), torch.tensor(0.5), np.array(0.5)])
def test_numbers_of_every_library_are_taken(value):
    assert number("n", value, 0, 1) == 0.5
    with pytest.raises(FerError, match="expected a whole number"):
        integer("n", value)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(value):
    for ask in (integer, number):
        with pytest.raises(FerError, match="^n=.*: expected a (whole )?number from 1 to 8.$"):
            ask("n", value, 1, 8)


def test_ranges_seeds_and_names():
    for value in (0, 9, -1):
        with pytest.raises(FerError, match="from 1 to 8"):
            integer("n", value, 1, 8)
    with pytest.raises(FerError, match="of 1 or more"):
        number("n", 0.5, 1)
    assert seed(2**32 - 1) == 2**32 - 1
    for value in (-1, 2**32, MANY_DIGITS, None, 0.5):
        with pytest.raises(FerError, match="seed="):
            seed(value)
    assert choice("word", "happy", FER7) == "happy"
    for value in ("hapy", ["happy"], None, 3):
        with pytest.raises(FerError, match="word=.*is not known"):
            choice("word", value, FER7)
    with pytest.raises(FerError, match="Did you mean 'happy'"):
        choice("word", "hapy", FER7)


def bad(call, values):
    return [(call, value) for value in values]


@pytest.mark.parametrize(
    "call, value",
    [
        *bad(lambda v: models.create("mini_xception", num_classes=v), [0, -1, 1, 2.5, *NO_NUMBERS]),
        *bad(
            lambda v: models.create("mini_xception", classes=v),
            [(), "happy", ("a",), ("a", "a"), {"a", "b"}, (1, 2), 8, (None, "a"), b"ab"],
        ),
        *bad(lambda v: models.create("mini_xception", input_size=v), [100_000, 0, -1, "48", NAN]),
        *bad(lambda v: models.create("bottleneck_065m", width=v), [0, 100, *NO_NUMBERS]),
        *bad(lambda v: models.create("mini_xception", seed=v), [-1, MANY_DIGITS, "0", 0.5]),
        *bad(lambda v: models.create("mini_xception", stl=v), ["yes", 2, None]),
        *bad(lambda v: models.create("vgg16_gap", base_weights=v), [3, ["x"]]),
        *bad(models.create, ["mini_exception", None, 3, ["mini_xception"]]),
        *bad(models.load, ["mini_exception", "", ".", None, 3, ["a"]]),
        *bad(models.from_claim, [None, 3, "pandey2019"]),
        *bad(lambda v: models.wrap(Net(), 7, size=v), [0, 100_000, 2.5, "48", True]),
        *bad(lambda v: models.wrap(Net(), 7, mean=v), ["0", None, NAN, (1, 2), (None,)]),
        *bad(lambda v: models.wrap(Net(), 7, std=v), [0, -1, "0", None, NAN]),
        *bad(lambda v: models.replace_head(models.create("vgg13"), v), [1, "happy", ("a", "a")]),
    ],
)
def test_networks(call, value):
    with pytest.raises(FerError):
        call(value)


def covered(**options):
    return saliency.occlusion(NET, PICTURE, **{"window": 12, "stride": 12, **options})


def explained(method, **options):
    return saliency.attribute(NET, PICTURE, method, **options)


NO_SQUARES = [None, NAN, 0, -1, 100, 2.5, "8", True, (8,), (8, 8, 8), (None, 8), ("a", "b"), [NAN]]
NO_SEEDS = [None, -1, MANY_DIGITS, "0", 0.5, True]
NO_FILLS = [None, "blak", 2, -1, NAN, True, [0.5], (0,), np.array([0.1, 0.2])]
NO_PICTURES = [
    *(None, 3, "face.png", b"x", {}, [[1, 2], [3]], np.zeros((3, 4, 5, 6)), np.zeros((0, 0))),
    *(np.zeros((8, 8), complex), np.zeros((8, 8), object), np.full((8, 8), 200.0), FACES),
]


@pytest.mark.parametrize(
    "call, value",
    [
        *bad(lambda v: covered(window=v), NO_SQUARES),
        *bad(lambda v: covered(stride=v), NO_SQUARES),
        *bad(lambda v: list(saliency.coarse_to_fine(NET, PICTURE, window=v)), NO_SQUARES),
        *bad(lambda v: explained("occlusion", window=v), [v for v in NO_SQUARES if v is not None]),
        *bad(lambda v: covered(fill=v), NO_FILLS),
        *bad(lambda v: explained("integrated_gradients", fill=v), NO_FILLS),
        *bad(lambda v: covered(fill="noise", seed=v), NO_SEEDS),
        *bad(lambda v: explained("gradient", seed=v), NO_SEEDS),
        *bad(lambda v: scores.deletion(NET, PICTURE, HEAT, steps=2, seed=v), NO_SEEDS),
        *bad(lambda v: covered(chunk=v), [0, -1, 2.5, "8", True]),
        *bad(lambda v: covered(engine=v), ["fast", None, 3, ["auto"]]),
        *bad(lambda v: covered(progress=v), [3, "yes"]),
        *bad(lambda v: saliency.occlusion(NET, v), NO_PICTURES),
        *bad(lambda v: saliency.attribute(NET, v, "gradient"), NO_PICTURES),
        *bad(explained, ["gradcam", None, 3, ["gradient"]]),
        *bad(lambda v: explained("gradient", target=v), [3.7, True, [1], "hapy", 7, -1, NAN]),
        *bad(OMAP.drop, [3.7, True, [1], "hapy", 7, -1, NAN]),
        *bad(lambda v: explained("smooth_grad", samples=v), [0, -1, 2.5, *NO_NUMBERS]),
        *bad(lambda v: explained("smooth_grad", noise=v), [-1, *NO_NUMBERS]),
        *bad(lambda v: explained("grad_cam", layer=v), ["x", 3, ["conv"]]),
        *bad(lambda v: explained("part_ablation", grid=v), [0, 100, 2.5, *NO_NUMBERS]),
        *bad(lambda v: explained("part_ablation", parts=HEAT > 0.5, part_names=v), [3, "ab"]),
        *bad(lambda v: explained("rise", masks=2, keep=v), [0, 1, *NO_NUMBERS]),
        *bad(lambda v: scores.deletion(NET, PICTURE, v), [None, "a", HEAT[:3], OMAP, [[NAN]]]),
        *bad(lambda v: scores.deletion(NET, PICTURE, HEAT, chance=v), [-1, None, "a", 2.5]),
        *bad(lambda v: scores.max_sensitivity(NET, PICTURE, "gradient", radius=v), [-1, 5, NAN]),
        *bad(lambda v: scores.max_sensitivity(NET, PICTURE, v), [None, 3, "gradeint"]),
        *bad(lambda v: scores.truth(FACES, v), [None, "a", -1, 99, 2.5, True]),
        *bad(lambda v: scores.truth(v, 0), [None, "a", IMAGES]),
        *bad(lambda v: scores.rank_correlation(HEAT, HEAT, v), [-1, None, "a", NAN]),
        *bad(lambda v: scores.similarity(HEAT, v), [None, "a", HEAT[:3]]),
    ],
)
def test_maps(call, value):
    with pytest.raises(FerError):
        call(value)


@pytest.mark.parametrize(
    "call, value",
    [
        *bad(lambda v: FACES.where(split=v), ["tst", 3, True, ["test"]]),
        *bad(lambda v: FACES.where(label=v), ["hapy", 2.5, True, 7, -1, [99], NAN, b"happy"]),
        *bad(FACES.take, ["abc", [0.5], None, [99], -99, NAN, 2.5, {}, ["a"], np.zeros(3, bool)]),
        *bad(lambda v: data.split(FACES, v), ["person", None, 3, ["random"]]),
        *bad(
            lambda v: data.split(FACES, "random", v),
            ["abc", None, 3, (NAN, 0.5, 0.5), (-1, 1, 1), (None, 0, 1), ((1,), (0,), (0,))],
        ),
        *bad(lambda v: data.split(FACES, "random", seed=v), NO_SEEDS),
        *bad(lambda v: data.split(v, "random"), [None, "facs3d", IMAGES]),
        *bad(data.load, ["facs3", None, 3, ["facs3d"]]),
        *bad(lambda v: data.load("fer2013", v), ["nowhere", 3, [], b"x"]),
        *bad(lambda v: data.load("facs3d", split=v), ["tst", 3, ["test"]]),
        *bad(data.places, [None, 3]),
        *bad(lambda v: fer_utils.setup(seed=v), [*NO_SEEDS, 2**32]),
    ],
)
def test_faces(call, value):
    with pytest.raises(FerError):
        call(value)


def test_a_folder_of_pictures_is_read_at_a_sensible_size_only(tmp_path):
    for value in (0, -1, "48", 2.5, [48], NAN, True):
        with pytest.raises(FerError):
            data.load("folder", tmp_path, size=value)


WRONG_KINDS = [None, 3, "a", [], PICTURE, FACES, EVALUATION, OMAP, ATTRIBUTION, {}, HEAT]
DRAWING = {  # and what each can draw
    "saliency": (lambda v: plots.saliency(PICTURE, v), (OMAP, ATTRIBUTION, HEAT)),
    "occlusion": (lambda v: plots.occlusion(PICTURE, v), (OMAP,)),
    "attribution": (lambda v: plots.attribution(PICTURE, v), (ATTRIBUTION,)),
    "attributions": (lambda v: plots.attributions(PICTURE, v), ()),
    "attributions, one": (lambda v: plots.attributions(PICTURE, [v]), (ATTRIBUTION,)),
    "occluded": (lambda v: plots.occluded(PICTURE, v), (OMAP,)),
    "heats": (lambda v: plots.heats([PICTURE], [v], ["a"]), (OMAP, ATTRIBUTION, HEAT)),
    "faces": (plots.faces, (PICTURE, FACES)),
    "confusion": (plots.confusion, (EVALUATION,)),
    "history": (plots.history, ()),
    "bars": (lambda v: plots.bars(FER7, v), ()),
    "cell": (lambda v: plots.cell(v, FACES, "happy", "sad"), (EVALUATION,)),
    "cell, faces": (lambda v: plots.cell(EVALUATION, v, "happy", "sad"), (FACES,)),
    "counts": (plots.counts, (FACES,)),
    "balance": (plots.balance, ()),
    "cards": (plots.cards, ()),
    "dots": (lambda v: plots.dots(v, xlabel="x"), ()),
    "intervals": (lambda v: plots.intervals(v, "x"), ()),
    "accuracies": (plots.accuracies, ()),
    "claims": (plots.claims, ()),
    "read_table": (plots.read_table, ()),
    "architectures": (plots.architectures, ()),
    "png": (plots.png, ()),
    "picture": (lambda v: plots.saliency(v, HEAT), (PICTURE, HEAT)),
}


@pytest.mark.parametrize("name", DRAWING)
def test_figures_of_what_cannot_be_drawn(name):
    draw, able = DRAWING[name]
    for value in WRONG_KINDS:
        if not any(value is one for one in able):
            with pytest.raises(FerError):
                draw(value)


@pytest.mark.parametrize("name", [name for name in DRAWING if DRAWING[name][1]])
def test_figures_of_what_can_be_drawn(name):
    draw, able = DRAWING[name]
    assert all(draw(value).alt for value in able)


@pytest.mark.parametrize(
    "call, value",
    [
        *bad(lambda v: plots.faces(FACES, columns=v), [0, -1, 2.5, *NO_NUMBERS]),
        *bad(lambda v: plots.faces(FACES, scale=v), [0, -1, *NO_NUMBERS]),
        *bad(lambda v: plots.faces(FACES, v), [3, ["a"], "a"]),
        *bad(lambda v: plots.heats([PICTURE], [HEAT], ["a"], v), [0, None, "a"]),
        *bad(lambda v: plots.occluded(PICTURE, OMAP, v), [3, [(0,)], [(99, 0)], [("a", "b")]]),
        *bad(lambda v: plots.occlusion(PICTURE, OMAP, v), ["hapy", 3.7, [1]]),
        *bad(lambda v: plots.save(plots.faces(FACES), v), [None, 3, "x", "x.foo", ""]),
        *bad(lambda v: plots.confusion(EVALUATION, v), ["rows", 3]),
        *bad(lambda v: plots.bars(("a", "b"), v), [("x", "y"), (1,), None]),
    ],
)
def test_figures(call, value):
    with pytest.raises(FerError):
        call(value)


def test_what_is_plainly_meant_is_taken():
    net = models.create("mini_xception", np.int64(8), input_size=np.int32(48), seed=torch.tensor(3))
    assert len(net.classes) == 8 and net.input_size == 48
    named = models.create("mini_xception", classes=np.array(["a", "b"]))
    assert named.config["classes"] == ["a", "b"]
    best = evaluate.predict(NET, IMAGES[:1])[0].argmax()
    for target in (best, np.int64(best), int(best), FER7[best]):
        assert explained("gradient", target=target).target == best
    for window in (12, np.int64(12), torch.tensor(12), 12.0, [12, 12], np.array([12, 12])):
        np.testing.assert_array_equal(covered(window=window).probabilities, OMAP.probabilities)
    half = covered(fill=0.5)
    for fill in (np.float32(0.5), torch.tensor(0.5)):
        np.testing.assert_array_equal(covered(fill=fill).probabilities, half.probabilities)
    for label in (3, np.int64(3), torch.tensor(3), "happy"):
        assert len(FACES.where(label=label)) == 2
    assert len(FACES.take(torch.tensor([1, 2]))) == 2 and len(FACES.take([True] * 14)) == 14
    on_map = scores.deletion(NET, PICTURE, ATTRIBUTION, steps=2).value
    assert on_map == scores.deletion(NET, PICTURE, ATTRIBUTION.map, steps=2).value


# Baselines, targets and strides as captum takes them


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.mean(),
        lambda x: torch.tensor(0.25),
        lambda x: torch.rand(SIDE),
        lambda x: torch.rand(1, SIDE),
        lambda x: torch.rand(1, 1, SIDE, 1),
        lambda x: np.float64(0.5),
        lambda x: x[:1],
    ],
)
@pytest.mark.parametrize("samples", [1, 2])
def test_baselines_broadcast_as_captum_s_do(make, samples):
    inputs = torch.rand(samples, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    baselines = make(inputs)
    shown = baselines if isinstance(baselines, torch.Tensor) else float(baselines)
    whole = torch.as_tensor(shown, dtype=inputs.dtype).expand_as(inputs)
    theirs = Occlusion(NET).attribute(inputs, (1, 12, 12), (1, 6, 6), whole.contiguous(), target=1)
    ours = saliency.Occlusion(NET).attribute(inputs, (1, 12, 12), (1, 6, 6), baselines, target=1)
    torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        *({"baselines": v} for v in ("a", torch.zeros(5), torch.zeros(3, 1, SIDE, SIDE), [0], NAN)),
        *({"target": v} for v in (3.7, True, "a", [1, 2, 3], 9, NAN, {}, torch.tensor(1.5))),
        *({"strides": v} for v in ("a", (12, 12), (1, 12, "a"), 0, -1, 2.5, NAN, True)),
        *(
            {"sliding_window_shapes": v}
            for v in (None, 3, "a", (12, 12), (1, 12, NAN), (1, 99, 99))
        ),
        *({"perturbations_per_eval": v} for v in (0, -1, 2.5, "a")),
        *({"inputs": v} for v in (None, IMAGES, torch.zeros(3))),
    ],
)
def test_captum_s_form(options):
    given = {"inputs": torch.rand(2, 1, SIDE, SIDE), "sliding_window_shapes": (1, 12, 12)}
    with pytest.raises(FerError):
        saliency.Occlusion(NET).attribute(
            **{**given, "strides": (1, 12, 12), "target": 0, **options}
        )


@pytest.mark.parametrize(
    "wrong",
    [{"out": 5}, {"on_epoch": 5}, {"resume": "no"}, {"stream": "yes"}, {"compile": "x"}],
)
def test_fit_refuses_what_is_no_such_option_before_any_work(wrong):
    with pytest.raises(FerError, match=f"^{next(iter(wrong))}="):
        train.fit(None, None, None, "no recipe", **wrong)


@pytest.mark.parametrize("path", [None, 5, ""])
def test_a_net_is_saved_under_a_name(path):
    with pytest.raises(FerError, match="path="):
        models.save(models.create("mini_xception"), path)


def test_text_is_no_picture_and_an_upload_has_a_name():
    with pytest.raises(FerError, match="images="):
        evaluate.predict(models.create("mini_xception"), np.array(["a"]))
    with pytest.raises(FerError, match="an upload"):
        uploads.read_upload(b"x", None)
