"""Nets that are no classifiers of pictures: every function that asks a net says so."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import data, evaluate, models, plots, saliency, train
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.saliency import scores
from fer_utils.train.augment import Augmentation

SIDE = 12
HEAT = np.random.default_rng(0).random((SIDE, SIDE)).astype(np.float32)
IMAGES = np.random.default_rng(0).integers(0, 256, (14, 1, SIDE, SIDE), np.uint8)
FACES = FaceSet("made", IMAGES, np.arange(14) % 7, FER7, np.full(14, "train"))
RECIPE = replace(train.RECIPES["one_cycle"], augmentation=Augmentation(), batch=7, average=0)


class Net(nn.Module):
    """A small net whose answer is altered by `change`; it has class names where `named`."""

    def __init__(self, change=lambda logits: logits, classes=FER7):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.change = nn.Conv2d(1, 7, 3), change
        if classes is not None:
            self.classes = classes

    def forward(self, pictures):
        return self.change(self.conv(pictures).relu().mean((2, 3)))


class Always(nn.Module):
    """The baseline that always says happy; it has nothing to learn."""

    classes = FER7

    def forward(self, pictures):
        return torch.eye(7)[3].expand(len(pictures), 7)


def explained(net, method, **options):
    return saliency.attribute(net, IMAGES[0], method, **options)


def fitted(net):
    # a net that a test fits is its own: it is made anew for every question
    return train.fit(net, FACES, FACES, RECIPE, epochs=1, progress=False, device="cpu")


ASKING = {
    "evaluate": lambda net: evaluate.evaluate(net, FACES),
    "fit": fitted,
    "occlusion": lambda net: saliency.occlusion(net, IMAGES[0], window=6, stride=6),
    "batched": lambda net: saliency.occlusion(net, IMAGES[0], window=6, stride=6, engine="batched"),
    "coarse_to_fine": lambda net: list(saliency.coarse_to_fine(net, IMAGES[0], window=6, stride=3)),
    **{
        method: functools.partial(explained, method=method)
        for method in ("gradient", "integrated_gradients", "part_ablation")
    },
    "rise": lambda net: explained(net, "rise", masks=4),
    "deletion": lambda net: scores.deletion(net, IMAGES[0], HEAT, steps=2),
    "infidelity": lambda net: scores.infidelity(net, IMAGES[0], HEAT, samples=2),
    "max_sensitivity": lambda net: scores.max_sensitivity(net, IMAGES[0], "gradient", samples=1),
    "randomization": lambda net: scores.randomization(net, IMAGES[0], "gradient", stages=1),
    "score": lambda net: scores.score(net, IMAGES[0], HEAT),
}
NO_SCORES = {
    "tuple": (lambda y: (y, y), "gives a tuple"),
    "list": (lambda y: [y], "gives a list"),
    "dict": (lambda y: {"logits": y}, "gives a dict"),
    "None": (lambda y: None, "gives a NoneType"),
    "an array": (lambda y: y.detach().numpy(), "gives a ndarray"),
    "one score": (lambda y: y[:, :1], r"output of shape \(\d+, 1\)"),
    "no dimension": (lambda y: y.sum(), r"output of shape \(\)"),
    "a map": (lambda y: y[..., None, None].expand(-1, -1, 4, 4), r"\(\d+, 7, 4, 4\)"),
    "one row too many": (lambda y: torch.cat((y, y[:1])), "output of shape"),
    "five for seven": (lambda y: y[:, :5], "gives 5 scores for its 7 classes"),
    "whole numbers": (lambda y: (100 * y).long(), "int64; wanted are logits"),
    "truth values": (lambda y: y > 0, "bool; wanted are logits|are true or false"),
    "a sparse tensor": (lambda y: y.detach().to_sparse(), "gives a sparse_coo tensor"),
    "complex numbers": (lambda y: torch.complex(y, y), "complex64; wanted are logits"),
}


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("answer", NO_SCORES)
def test_what_is_no_scores_is_refused_in_the_same_words_everywhere(asking, answer):
    change, message = NO_SCORES[answer]
    with pytest.raises(FerError, match=message):
        ASKING[asking](Net(change))


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError, AttributeError])
def test_a_net_whose_own_code_fails_is_told_so(asking, error):
    def fails(y):
        raise error("here")

    with pytest.raises(FerError, match=f"own code fails: {error.__name__}: .*here") as caught:
        ASKING[asking](Net(fails))
    assert isinstance(caught.value.__cause__, error)


@pytest.mark.parametrize("asking", ASKING)
def test_a_net_that_has_not_seen_a_picture_is_told_so(asking):
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(7))
    net.classes = Net().classes
    with pytest.raises(FerError, match="LazyLinear"):
        ASKING[asking](net)


class ByBatch(Net):
    """Gives another number of scores, or of rows, to a batch than to one picture."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.classes = kind, None

    def forward(self, x):
        y = super().forward(x)
        if self.kind == "rows":
            return y[:1]
        return y if len(x) == 1 else y[:, : 2 + len(x) % 3]


@pytest.mark.parametrize("kind", ["rows", "scores"])
@pytest.mark.parametrize("engine", ["auto", "delta", "batched"])
def test_an_answer_whose_shape_depends_on_the_batch_is_refused(kind, engine):
    with pytest.raises(FerError, match="output of shape|must not depend|suit"):
        saliency.occlusion(ByBatch(kind), IMAGES[0], window=6, stride=6, engine=engine)


@pytest.mark.parametrize("asking", [name for name in ASKING if name != "fit"])
@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused_everywhere(asking, factor):
    with pytest.raises(FerError, match="not finite"):
        ASKING[asking](Net(lambda y: (1 + y.abs()) * factor))


def test_a_validation_that_is_not_finite_ends_the_training_and_keeps_what_was_good():
    net = Net(lambda y: y if net.training else y * float("nan"))
    history = fitted(net)
    assert history.epochs == [] and "NaN" in history.stopped


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize(
    "net, message",
    [
        ("mini_xception_facs3d", "a net is a torch.nn.Module, not 'mini_xception_facs3d'"),
        (None, "a net is a torch.nn.Module, not None"),
        (lambda pictures: pictures, "a net is a torch.nn.Module, not <function"),
        (Net(classes="happily"), "Net.classes is 'happily'"),
        (Net(classes=7), "Net.classes is 7"),
        (nn.Sequential(nn.Conv2d(3, 7, 3), nn.Flatten()), "cannot take an input|does not say"),
    ],
    ids=["name", "None", "function", "classes a word", "classes a number", "colour"],
)
def test_what_is_no_net_or_cannot_take_the_pictures_is_said(asking, net, message):
    with pytest.raises(FerError, match=message):
        ASKING[asking](net)


@pytest.mark.parametrize("asking", ASKING)
def test_a_net_without_weights_is_said(asking):
    with torch.device("meta"):
        net = models.create("mini_xception", input_size=16)
    with pytest.raises(FerError, match="the net has no weights"):
        ASKING[asking](net)


@pytest.mark.parametrize("asking", ["evaluate", "fit"])
def test_where_classes_are_needed_a_net_without_is_told_how_to_get_them(asking):
    with pytest.raises(FerError, match="models.wrap"):
        ASKING[asking](Net(classes=None))


def test_a_net_without_parameters_has_an_accuracy_and_a_map_but_no_gradient():
    assert evaluate.evaluate(Always(), FACES).accuracy.correct == 2
    assert not ASKING["occlusion"](Always()).flips().any()
    with pytest.raises(FerError, match="gradient does not suit this net"):
        ASKING["gradient"](Always())
    with pytest.raises(FerError, match="every parameter of the net is frozen"):
        fitted(Always())


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("make", [Net, lambda: models.create("mini_xception", input_size=16)])
@pytest.mark.parametrize("how", ["made in double", "set to double"])
def test_a_net_in_double_precision_works_everywhere(asking, make, how):
    before = torch.get_default_dtype()
    try:
        if how == "set to double":
            torch.set_default_dtype(torch.float64)
        net = make().double()
        assert ASKING[asking](net) is not None
    finally:
        torch.set_default_dtype(before)


def test_the_answers_in_double_precision_are_those_in_single():
    net = models.create("mini_xception", seed=0, input_size=16)
    single = evaluate.predict(net, IMAGES)
    np.testing.assert_allclose(evaluate.predict(net.double(), IMAGES), single, atol=1e-5)


@pytest.mark.parametrize("asking", ASKING)
def test_a_net_made_in_inference_mode_works_where_no_derivative_is_needed(asking):
    with torch.inference_mode():
        net = models.create("mini_xception", seed=0, input_size=16)
    derived = ("fit", "gradient", "integrated_gradients", "max_sensitivity", "randomization")
    if asking in derived:
        with pytest.raises(FerError, match="made under torch.inference_mode"):
            ASKING[asking](net)
    else:
        assert ASKING[asking](net) is not None


@pytest.mark.parametrize("samples", [1, 2])
def test_captum_s_form_takes_any_row_of_outputs_and_says_what_it_cannot_take(samples):
    inputs = torch.rand(samples, 1, SIDE, SIDE)

    def ask(net):
        return saliency.Occlusion(net).attribute(inputs, (1, 6, 6), (1, 6, 6), target=0)

    for change in (lambda y: y, lambda y: (100 * y).long(), lambda y: y[:, :1]):
        assert ask(Net(change)).shape == inputs.shape
    for change in (lambda y: (y, y), lambda y: y.sum(), lambda y: y > 0):
        with pytest.raises(FerError, match="the net"):
            ask(Net(change))
    for net, message in ((None, "not None"), (Net().double(), "cannot take"), (3, "not 3")):
        with pytest.raises(FerError, match=message):
            ask(net)


OF_THE_KIT = {
    "features": lambda net: models.features(net, FACES),
    "head": models.head,
    "freeze_base": models.freeze_base,
    "unfreeze": models.unfreeze,
    "replace_head": lambda net: models.replace_head(net, 3),
    "describe": models.describe,
    "architectures": plots.architectures,
    "save": lambda net: models.save(net, "nowhere.safetensors"),
}


@pytest.mark.parametrize("name", OF_THE_KIT)
@pytest.mark.parametrize("net", [Net(), None, 3], ids=["own", "None", "number"])
def test_what_only_the_kit_s_nets_can_do_is_said(name, net):
    with pytest.raises(FerError, match="a net of the kit, not|a net is a torch.nn.Module"):
        OF_THE_KIT[name](net)


def test_a_table_of_a_wrapped_net_whose_layers_give_several_things():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(16, 8, batch_first=True), nn.Linear(8, 7)

        def forward(self, pictures):
            return self.head(self.lstm(pictures[:, 0])[0][:, -1])

    net = models.wrap(Recurrent(), 7, channels=1, size=16)
    assert "LSTM" in models.describe(net)["kind"].to_list()
    assert "0 trained parameters" in models.totals(models.wrap(Always(), 7, channels=1, size=16))


def test_features_of_damaged_weights_or_of_pictures_alone_are_refused():
    net = models.create("vgg13", seed=0, input_size=16)
    with pytest.raises(FerError, match="a FaceSet"):
        models.features(net, IMAGES)
    next(net.parameters()).data.fill_(float("nan"))
    with pytest.raises(FerError, match="not finite"):
        models.features(net, FACES)


class Together(Net):
    """Its answer depends on the other pictures of the batch: a norm without statistics."""

    def forward(self, pictures):
        return super().forward(pictures / pictures.std())


class Guessing(Net):
    """Its answer depends on chance: dropout that is always on."""

    def forward(self, pictures):
        return nn.functional.dropout(super().forward(pictures), 0.5, training=True)


@pytest.mark.parametrize("engine", ["auto", "batched"])
@pytest.mark.parametrize("make", [Together, Guessing])
def test_a_map_that_depends_on_the_batch_or_on_chance_says_so(make, engine):
    with pytest.warns(UserWarning, match="not always the same"):
        saliency.occlusion(make(), IMAGES[0], window=6, stride=3, engine=engine)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("precision", [torch.float32, torch.float64, torch.bfloat16])
def test_an_ordinary_net_is_not_warned_of(precision):
    net = models.create("mini_xception", seed=0, input_size=16).to(precision)
    for chunk in (1, 7, None):
        saliency.occlusion(net, IMAGES[0], window=6, stride=3, engine="batched", chunk=chunk)


# Pictures that are none for a net


@pytest.mark.parametrize(
    "pictures, message",
    [
        (lambda x: x * 255, r"span 0\S* to 255; .* Divide"),
        (lambda x: x * 2 - 1, "span -1 to 1"),
        (lambda x: (x - 0.45) / 0.23, "scaling .* to the net"),
        (lambda x: x * float("nan"), "span nan"),
        (lambda x: (x * 255).byte(), "uint8"),
        (lambda x: (x * 255).long(), "int64"),
    ],
    ids=["0 to 255", "-1 to 1", "less a mean", "nan", "uint8", "int64"],
)
def test_pictures_that_are_not_from_0_to_1_are_refused_by_net_and_predict(pictures, message):
    net = models.create("mini_xception", seed=0, input_size=16).eval()
    given = pictures(torch.from_numpy(IMAGES).float() / 255)
    with pytest.raises(FerError, match=message):
        net(given)
    if given.dtype != torch.uint8:  # which predict takes
        with pytest.raises(FerError, match=message):
            evaluate.predict(net, given)
        with pytest.raises(FerError, match=message):
            evaluate.predict(net, given.numpy())


def test_noise_augmentation_and_derivatives_may_leave_0_to_1():
    net = models.create("mini_xception", seed=0, input_size=16).eval()
    shown = torch.from_numpy(IMAGES).float() / 255
    assert net(shown + 0.1 * torch.randn(shown.shape)).isfinite().all()
    assert net((4 * shown).requires_grad_()).isfinite().all()
    assert net.train()(4 * shown).isfinite().all()
    assert net.eval()(shown[:0]).shape == (0, 7)


@pytest.mark.parametrize("given", [FACES, "faces.csv", [IMAGES[0]], None])
def test_predict_says_what_it_takes(given):
    with pytest.raises(FerError, match="an array or a tensor"):
        evaluate.predict(Net(), given)


@pytest.mark.parametrize("batch", [0, -1, 2.5, None, "8", True])
def test_a_batch_is_a_number_of_pictures(batch):
    for ask in (
        lambda: evaluate.predict(Net(), IMAGES, batch=batch),
        lambda: evaluate.evaluate(Net(), FACES, batch=batch),
        lambda: models.features(models.create("vgg13", input_size=16), FACES, batch=batch),
    ):
        with pytest.raises(FerError, match="batch="):
            ask()


@pytest.mark.parametrize("faces", [IMAGES, "facs3d", None, [FACES]])
def test_pictures_without_labels_are_no_faces(faces):
    net = Net()
    with pytest.raises(FerError, match="faces are a FaceSet"):
        evaluate.evaluate(net, faces)
    with pytest.raises(FerError, match="faces are a FaceSet"):
        train.fit(net, faces, FACES, RECIPE, progress=False)
    with pytest.raises(FerError, match="faces are a FaceSet"):
        train.fit(net, FACES, faces, RECIPE, progress=False)


def test_data_are_loaded_and_asked_in_one_line():
    faces = data.load("facs3d", split="test").take(range(2))
    assert len(evaluate.predict(models.load("mini_xception_facs3d"), faces.images)) == 2
