"""Translation: SSIM, the losses by hand, runs that go on, and generators that copy no worse."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fer_utils import models, translate
from fer_utils.__main__ import main
from fer_utils.errors import FerError
from fer_utils.files import read_json
from fer_utils.translate import drawing, losses, networks, run, training
from fer_utils.translate import step as steps
from fer_utils.translate.drawing import TRUTH
from fer_utils.translate.networks import BatchNorm, ResNetGenerator
from fer_utils.translate.settings import Settings, Weights
from fer_utils.translate.step import TERMS

TINY = Settings(filters=2, blocks=1, pool=4)
CLASSES = ("lying", "standing")


def stripes(label: int, count: int = 10, channels: int = 1) -> np.ndarray:
    """Return noise under lying or standing stripes, uint8 (count, channels, 16, 16)."""
    images = np.random.default_rng(label).integers(0, 120, (count, channels, 16, 16))
    bright = np.arange(16) % 4 < 2
    return (images + 80 * (bright if label else bright[:, None])).astype(np.uint8)


FIRST, SECOND = stripes(0), stripes(1)


def fit(number: int, settings: Settings = TINY, **options):
    return translate.fit(
        FIRST, SECOND, settings, classes=CLASSES, steps=number, device="cpu", **options
    )


def weights(pair) -> dict[str, torch.Tensor]:
    return {
        f"{label}.{name}": value
        for label, net in pair.generators.items()
        for name, value in net.state_dict().items()
    }


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# SSIM


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(channels):
    from skimage.metrics import structural_similarity

    random = np.random.default_rng(0)
    x = random.random((4, channels, 20, 33))
    y = np.stack([x[0], 1 - x[1], x[2] * 0.5, (x[3] + random.random(x[3].shape)) / 2])
    ours = translate.ssim(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    exact = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    theirs = [
        structural_similarity(a, b, data_range=1, channel_axis=0, **exact)
        for a, b in zip(x, y, strict=True)
    ]
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert ours[0] == pytest.approx(1) and ours[1] < 0
    single = translate.ssim(
        torch.from_numpy(x).float() * 255, torch.from_numpy(y).float() * 255, 255
    )
    assert single.numpy() == pytest.approx(theirs, abs=1e-5)


def test_ssim_has_a_gradient_where_pictures_are_flat_or_the_same():
    flat = torch.full((1, 1, 12, 12), 0.5, requires_grad=True)
    (1 - translate.ssim(flat, torch.full((1, 1, 12, 12), 0.7))).sum().backward()
    assert torch.isfinite(flat.grad).all() and flat.grad.sum() < 0  # brighter is nearer


@pytest.mark.parametrize(
    "x, y, words",
    [
        (torch.zeros(1, 1, 10, 20), torch.zeros(1, 1, 10, 20), "11 x 11"),
        (torch.zeros(1, 1, 12, 12), torch.zeros(2, 1, 12, 12), "pairs of pictures"),
        (torch.full((1, 1, 12, 12), -1.0), torch.zeros(1, 1, 12, 12), "outside 0 to 1"),
        (torch.zeros(1, 1, 12, 12), torch.full((1, 1, 12, 12), 255.0), "outside 0 to 1"),
        (torch.full((1, 1, 12, 12), torch.nan), torch.zeros(1, 1, 12, 12), "outside 0 to 1"),
        (np.zeros((1, 1, 12, 12)), torch.zeros(1, 1, 12, 12), "float tensor"),
        (torch.zeros(12, 12), torch.zeros(12, 12), "float tensor"),
    ],
)
def test_ssim_says_what_it_cannot_compare(x, y, words):
    with pytest.raises(FerError, match=words):
        translate.ssim(x, y)


# The five losses, by hand


def test_losses_equal_numbers_by_hand():
    judged = torch.tensor([[[[0.5, 1.0], [0.0, 2.0]]]])
    # squares of -.5, 0, -1, 1, their mean
    assert float(losses.adversarial(judged, 1.0)) == pytest.approx((0.25 + 0 + 1 + 1) / 4)
    picture = torch.full((1, 1, 16, 16), -0.2)
    back = torch.full((1, 1, 16, 16), 0.4)
    assert float(losses.identity(back, picture)) == pytest.approx(0.6)
    assert float(losses.l2(back, picture)) == pytest.approx(0.36)
    # flat pictures, mapped to .7 and .4: only SSIM's luminance term differs from 1
    similar = (2 * 0.7 * 0.4 + 0.01**2) / (0.7**2 + 0.4**2 + 0.01**2)
    assert float(losses.ssim_loss(back, picture)) == pytest.approx(1 - similar, abs=1e-4)
    whole = (0.6 + 0.36 + 1 - similar) / 3
    assert float(losses.cycle(back, picture)) == pytest.approx(whole, abs=1e-4)  # forward
    assert float(losses.cycle(picture, back)) == pytest.approx(whole, abs=1e-4)  # and backward


def test_the_weights_are_the_papers():
    assert Weights() == Weights(1, 2, 5 / 3, 5 / 3, 5 / 3)


class Constant(nn.Module):
    """A net that says the same of everything; with `add`, that much more than what it sees."""

    def __init__(self, value: float, add: bool = False):
        super().__init__()
        self.value, self.add = nn.Parameter(torch.tensor(value)), add

    def forward(self, pictures):
        return pictures * float(self.add) + self.value


def test_a_step_writes_down_the_terms_and_weighs_them():
    """Generators that add .1 and .2, discriminators that say .5 and .25 of everything."""
    nets = steps.Networks(
        Constant(0.1, add=True), Constant(0.2, add=True), Constant(0.5), Constant(0.25)
    )
    grey = torch.full((1, 1, 12, 12), 128, dtype=torch.uint8)
    settings, log = Settings(weights=Weights(1, 2, 3, 4, 0)), torch.zeros(1, len(TERMS))
    optimizers = tuple(
        torch.optim.SGD([*one.parameters(), *two.parameters()], lr=1.0)
        for one, two in ((nets.to_second, nets.to_first), (nets.judge_second, nets.judge_first))
    )
    step = steps.Step(nets, settings, (grey, grey), optimizers, log)
    step(steps.draw_plan(0, (1, 1), settings, torch.Generator().manual_seed(0)))
    named = dict(zip(TERMS, log[0].tolist(), strict=True))
    assert named["adversarial"] == pytest.approx(0.5**2 + 0.75**2)
    assert named["identity"] == pytest.approx(0.1 + 0.2)
    assert named["l1"] == pytest.approx(2 * 0.3) and named["l2"] == pytest.approx(2 * 0.3**2)
    # of every discriminator half of (real, 1) and half of (generated, 0)
    judged = (0.5**2 + 0.5**2 + 0.75**2 + 0.25**2) / 2
    assert named["discriminator"] == pytest.approx(judged)
    # d total / d added: 2 of identity, 3 of each L1, 4 * 2 * .3 of each L2
    assert nets.to_second.value.item() == pytest.approx(0.1 - (2 + 2 * 3 + 2 * 4 * 0.6))
    assert nets.judge_second.value.item() == pytest.approx(0.5 - (0.5 - 1) - 0.5)


# Training


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 3)
    whole = fit(8, out=tmp_path / "whole")
    advance, count = training.Run.advance, itertools.count()

    def interrupted(self):
        if next(count) == 5:
            raise KeyboardInterrupt
        advance(self)

    monkeypatch.setattr(training.Run, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(8, out=tmp_path / "cut")
    assert translate.load(tmp_path / "cut").card["steps"] == 3
    went_on = fit(8, out=tmp_path / "cut")
    assert next(count) == 6 + 5  # five and the one that broke off, then those after the third
    assert same(weights(whole), weights(went_on))
    assert whole.history == went_on.history
    assert same(weights(whole), weights(translate.load(tmp_path / "cut")))
    assert not same(weights(whole), weights(fit(8, seed=1)))


def test_a_damaged_state_begins_again_and_another_run_is_refused(tmp_path, capsys):
    whole = fit(2, out=tmp_path)
    file = tmp_path / "state.safetensors"
    content = file.read_bytes()
    changed = content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]
    other = pytest.raises(FerError, match=r"another run.*steps 2 there, 3 asked")
    for damaged in (b"", content[:-1], content[: len(content) // 2], changed, None):
        file.unlink() if damaged is None else file.write_bytes(damaged)
        with other:  # history.json knows whose it was
            fit(3, out=tmp_path)
        assert capsys.readouterr().out == ""
        assert same(weights(whole), weights(fit(2, out=tmp_path)))
        what = "missing" if damaged is None else "damaged"
        assert capsys.readouterr().out == f"{file} is {what}: the run begins again.\n"
    with other:
        fit(3, out=tmp_path)
    assert fit(3, out=tmp_path, resume=False).card["steps"] == 3


def test_history_has_the_last_steps_though_they_are_few():
    losses = np.arange(45.0)[:, None] * np.ones(len(TERMS))
    rows = training.history(losses)
    assert rows["step"] == [20, 40, 45] and rows["l1"] == [9.5, 29.5, 42]
    assert training.history(losses[:40])["step"] == [20, 40]
    assert training.history(losses, rows=2)["step"] == [23, 45]
    assert training.history(losses[:3])["step"] == [3] and training.history(losses[:0])["l1"] == []


def test_a_recorded_step_reads_each_plan_from_its_place(monkeypatch):
    """With a stand-in for the CUDA graph, which calls what it was to record."""
    usual = fit(6)
    monkeypatch.setattr(run, "record", lambda work, generator: work)
    eager = run.Run._carry_out

    def replayed(self, plan):
        if self.recorded is None and self.done == 3:
            self.recorded = run.recorded(self.step, plan)
        eager(self, plan)

    monkeypatch.setattr(run.Run, "_carry_out", replayed)
    assert same(weights(usual), weights(fit(6)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("kind", ["change", "resnet"])
def test_a_recorded_step_learns_what_an_eager_one_does(kind, monkeypatch):
    settings = Settings(generator=kind, filters=2, blocks=1, pool=4)
    made, recorded = [], run.recorded
    monkeypatch.setattr(run, "recorded", lambda *one: made.append(1) or recorded(*one))
    graph = translate.fit(FIRST, SECOND, settings, classes=CLASSES, steps=12, device="cuda")
    assert made
    monkeypatch.setattr(run, "EAGER_STEPS", 1000)
    eager = translate.fit(FIRST, SECOND, settings, classes=CLASSES, steps=12, device="cuda")
    for name, value in weights(graph).items():
        assert torch.allclose(value, weights(eager)[name], atol=1e-3), name


def test_labels_flipped_throughout_change_nothing():
    """1 minus a discriminator has the same losses: flip all labels, and nobody can tell."""
    nets = steps.Networks.create(TINY, 1)
    logs = []
    for flip in (False, True):
        if flip:
            with torch.no_grad():
                for judge in (nets.judge_second, nets.judge_first):
                    last = judge.layers[-1]
                    last.weight.neg_()
                    last.bias.copy_(1 - last.bias)
        settings, log = Settings(filters=2, blocks=1, flip_labels=flip), torch.zeros(1, len(TERMS))
        still = tuple(
            torch.optim.SGD([*one.parameters(), *two.parameters()], lr=0.0)
            for one, two in ((nets.to_second, nets.to_first), (nets.judge_second, nets.judge_first))
        )
        pictures = tuple(torch.from_numpy(part) for part in (FIRST, SECOND))
        step = steps.Step(nets, settings, pictures, still, log)
        step(steps.draw_plan(0, (10, 10), settings, torch.Generator().manual_seed(0)))
        logs.append(log)
    assert torch.allclose(*logs, atol=1e-6)


def test_random_flips_turn_that_share_of_the_targets():
    settings = Settings(random_flips=0.25)
    generator = torch.Generator().manual_seed(0)
    plans = torch.stack([steps.draw_plan(0, (5, 5), settings, generator) for _ in range(1000)])
    wrong = (plans[:, 8:12] != torch.tensor([1, 0, 1, 0])).float().mean()
    assert float(wrong) == pytest.approx(0.25, abs=0.03)
    assert float(plans[:, 2:4].float().mean()) == pytest.approx(0.5, abs=0.05)  # mirrored
    assert plans[:, :2].max() == 4 and plans[:, :2].min() == 0


def test_the_pool_fills_up_and_then_gives_back_every_second():
    settings, generator = Settings(pool=4), torch.Generator().manual_seed(0)
    nets = steps.Networks(*(Constant(0.0) for _ in range(4)))
    one = torch.zeros(1, 1, 12, 12, dtype=torch.uint8)
    step = steps.Step(nets, settings, (one, one), (None, None), torch.zeros(1, len(TERMS)))
    given = []
    for number in range(200):
        plan = steps.draw_plan(number, (1, 1), settings, generator)
        fake = torch.full((1, 1, 12, 12), float(number))
        given.append(int(step.pooled(0, fake, plan)[0, 0, 0, 0]))
    assert given[:4] == [0, 1, 2, 3]
    old = [number for number, gave in enumerate(given) if gave != number]
    assert 70 < len(old) < 130
    assert len({given[number] for number in old}) == len(old)  # what came out never comes again


def test_the_rate_is_constant_and_then_falls_evenly():
    from fer_utils.train import Recipe, optim

    factors = [optim.linear(done, 10) for done in range(11)]
    assert factors == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0])
    weight = nn.Linear(1, 1)
    recipe = Recipe(source="", schedule="linear", learning_rate=0.5)
    optimizer = optim.make_optimizer(weight, recipe)
    scheduler = optim.make_scheduler(optimizer, recipe, 10, 3)
    rates = []
    for _ in factors[:-1]:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        optim.step_after_epoch(scheduler, 0.0)
    assert rates == pytest.approx([0.5 * factor for factor in factors[:-1]])


@pytest.mark.parametrize(
    "first, second, options, words",
    [
        (FIRST[:3], SECOND, {}, "lying has 3 pictures"),
        (stripes(0, channels=3), SECOND, {}, "3 channels and standing of 1"),
        (FIRST[..., :14, :14], SECOND[..., :14, :14], {}, "14 x 14 pixels.*multiple of 4"),
        (FIRST[..., :12, :12], SECOND, {}, "12 x 12 and 16 x 16"),
        (FIRST.astype(np.float32), SECOND, {}, "lying="),
        (FIRST, SECOND, {"classes": ("one", "one")}, "two names that differ"),
        (FIRST, SECOND, {"steps": 0}, "steps"),
        (FIRST, SECOND, {"settings": "change"}, "expected Settings"),
    ],
)
def test_pictures_that_do_not_fit_get_a_sentence(first, second, options, words):
    with pytest.raises(FerError, match=words):
        translate.fit(first, second, **{"classes": CLASSES, "steps": 1, **options})


# Networks


def test_batch_norm_at_batch_1_is_torchs_and_needs_its_training_mode():
    torch.manual_seed(0)
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    pictures = torch.randn(4, 3, 5, 5) * 2 + 1
    alone = torch.cat([theirs(picture[None]) for picture in pictures])
    assert torch.allclose(ours(pictures), alone, atol=1e-5)  # four at once, each by itself
    theirs.reset_running_stats()
    ours.reset_running_stats()
    assert torch.allclose(ours(pictures[:1]), theirs(pictures[:1]), atol=1e-5)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-5)
    assert torch.allclose(ours.eval()(pictures), theirs.eval()(pictures), atol=1e-5)
    net = ResNetGenerator(filters=2, blocks=1)
    pictures = torch.from_numpy(np.concatenate([FIRST, SECOND])).float() / 127.5 - 1
    with torch.no_grad():
        for _ in range(20):
            trained = net(pictures)
        kept = networks.alone(net)(pictures)
        other = net.eval()(pictures)
    assert torch.allclose(kept, trained, atol=1e-5)
    assert (other - trained).abs().max() > 0.01


def test_the_change_generator_starts_by_copying():
    pictures = torch.from_numpy(FIRST).float() / 127.5 - 1
    torch.manual_seed(0)
    with torch.no_grad():
        change = networks.ChangeGenerator(filters=4)(pictures) - pictures
        anew = ResNetGenerator(filters=4)(pictures) - pictures
    assert change.abs().mean() < 0.05 < anew.abs().mean()


@pytest.mark.parametrize("kind", ["change", "resnet"])
def test_a_pair_in_colour_is_saved_and_loaded(kind, tmp_path):
    settings = Settings(generator=kind, filters=2, blocks=1, dropout=0.5)
    first, second = stripes(0, channels=3), stripes(1, channels=3)
    pair = translate.fit(first, second, settings, classes=CLASSES, steps=1, device="cpu")
    again = pair.apply(first, "lying")
    assert np.array_equal(again, pair.apply(first, "lying"))  # no dropout
    assert np.array_equal(again[:2], pair.apply(first[:2], "lying"))  # each by itself
    pair.save(tmp_path / "a.safetensors", {"note": "kept"})
    loaded = translate.load(tmp_path / "a.safetensors")
    assert np.array_equal(loaded.apply(first, "lying"), again)
    assert loaded.card["note"] == "kept" and loaded.classes == CLASSES
    assert np.array_equal(loaded.apply(first, strength=0), first)
    for wrong, words in ((FIRST, "grey.*in colour"), (stripes(0, 1, 3).repeat(2, 2), "32 x 16")):
        with pytest.raises(FerError, match=words):
            loaded.apply(wrong)
    with pytest.raises(FerError, match="to='flying' is not known"):
        loaded.apply(first, "flying")


def test_files_that_are_damaged_are_told(tmp_path):
    fit(1, out=tmp_path)
    file, card = tmp_path / "model.safetensors", tmp_path / "model.json"
    content, text = bytearray(file.read_bytes()), card.read_text()
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(FerError, match="damaged"):
        translate.load(tmp_path)
    for other in ("{", "[]", text.replace('"change"', '"chnge"'), text.replace('"size"', '"sise"')):
        card.write_text(other)
        with pytest.raises(FerError, match="card|damaged"):
            translate.load(tmp_path)
    fit(1, out=tmp_path)
    text = card.read_text()
    swapped = {**json.loads(text), "classes": CLASSES[::-1]}
    card.write_text(json.dumps(swapped))
    with pytest.raises(FerError, match="model.json was changed: its classes or net or size"):
        translate.load(tmp_path)
    card.write_text(json.dumps({**json.loads(text), "note": "one's own"}))
    assert translate.load(tmp_path).card["note"] == "one's own"
    card.unlink()
    with pytest.raises(FerError, match="is missing"):
        translate.load(tmp_path)
    with pytest.raises(FerError, match="no pair of generators"):
        translate.load("nobody")


# The command


@pytest.fixture
def drawn(monkeypatch):
    """A few striped pictures instead of drawn people."""

    def few(expression, identities, size=48):
        label = ("neutral", "disgust").index(expression)
        return stripes(label, len(list(identities)))

    monkeypatch.setattr(drawing, "drawn", few)
    monkeypatch.setattr(translate, "drawn", few)


def fer_utils(*words: str) -> int:
    return main(["translate", *words])


def test_the_command_trains_goes_on_and_translates(drawn, tmp_path, capsys):
    words = ["train", "--from", "neutral", "--to", "disgust", "--device", "cpu", "--steps", "2"]
    assert fer_utils(*words, "--out", str(tmp_path / "run")) == 0
    pair = translate.load(tmp_path / "run")
    assert pair.classes == ("neutral", "disgust") and pair.card["steps"] == 2
    assert pair.card["command"] == (
        "python -m fer_utils translate train --data facs3d --from neutral --to disgust "
        "--generator change --steps 2 --seed 0 --out DIR"
    )
    assert Image.open(tmp_path / "run" / "progress.png").width > 6 * 2 * 16
    recorded = read_json(tmp_path / "run" / "history.json")
    assert set(recorded["losses"]) == {"step", *TERMS}
    # a folder of pictures of all kinds
    faces = tmp_path / "faces"
    faces.mkdir()
    for number, (mode, side) in enumerate((("L", 16), ("RGB", 40), ("L", 20))):
        Image.new(mode, (side, side), "gray").save(faces / f"{number}.png")
    out = tmp_path / "out"
    apply = ["apply", str(tmp_path / "run"), "--out", str(out), "--to", "neutral"]
    assert fer_utils(*apply, "--data", str(faces), "--count", "2") == 0
    assert sorted(path.name for path in (out / "faces").iterdir()) == ["0.png", "1.png"]
    one = Image.open(out / "faces" / "1.png")
    assert one.size == (16, 16) and one.mode == "L"
    assert "2 faces made neutral" in capsys.readouterr().out
    assert fer_utils(*apply) == 0
    assert len(list((out / "faces").glob("person_*.png"))) == 40
    Image.new("L", (30, 20)).save(faces / "3.png")
    assert fer_utils(*apply, "--data", str(faces)) == 2
    assert "30 x 20: cut out the face" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, said",
    [
        (["train", "--from", "bored", "--to", "disgust"], "'bored' is not known"),
        (["train", "--from", "happy", "--to", "happy"], "both happy"),
        (["train", "--from", "happy", "--to", "sad", "--size", "50"], "multiple of 4"),
        (["train", "--from", "happy", "--to", "sad", "--size", "8"], "12 to 512"),
        (["train", "--from", "happy", "--to", "sad", "--data", "nosuch"], "nosuch"),
        (["apply", "nobody"], "no pair of generators"),
        (["apply", "change_facs3d", "--to", "happy"], "'happy' is not known"),
        (["apply", "change_facs3d", "--data", "nosuch"], "nosuch"),
    ],
)
def test_the_command_says_in_a_sentence_what_is_wrong(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(drawing.faces3d, "draw", lambda *_, **__: pytest.fail("people are drawn"))
    monkeypatch.setattr(drawing._cache, "read", lambda *_: None)
    assert fer_utils(*words, "--out", str(tmp_path / "out")) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and "Traceback" not in error
    assert not (tmp_path / "out" / "model.safetensors").exists()


# What comes with the kit


def test_the_shipped_pair_beats_copying_people_it_never_saw():
    pair = translate.load("change_facs3d")
    net = {"mini_xception_facs3d": models.load("mini_xception_facs3d")}
    faces = [translate.drawn(label, TRUTH[:10]) for label in pair.classes]
    for there, back, label in ((0, 1, pair.classes[1]), (1, 0, pair.classes[0])):
        found = translate.against_truth(pair, faces[there], faces[back], label)
        assert found["ssim"].interval[0] > 0 > found["l1"].interval[1]
        called = translate.shares_called(pair.apply(faces[there], label), label, net)
        assert called["mini_xception_facs3d"] >= 0.6


def test_what_comes_with_the_kit_is_small_and_says_how_it_was_made():
    for name in translate.names():
        pair = translate.load(name)
        file = Path(translate.__file__).parent / "weights" / f"{name}.safetensors"
        assert file.stat().st_size <= 3_000_000 and pair.card["meaning"]
        assert pair.card["command"].startswith("python -m fer_utils translate train")
        assert set(pair.card["scores"]) == set(pair.classes)
        measured = pair.card["scores"][pair.classes[1]]
        if "facs3d" in name:
            assert measured["ssim"]["people"] == measured["l1"]["people"] == 40


def test_a_finished_run_is_shipped_in_half_precision(drawn, tmp_path, monkeypatch):
    from scripts import ship_pair

    pair = translate.fit(
        FIRST, SECOND, TINY, classes=("neutral", "disgust"), steps=2, out=tmp_path, device="cpu"
    )
    monkeypatch.setattr(ship_pair, "JUDGES", ("mini_xception",))
    card = ship_pair.ship(tmp_path, "tiny", "facs3d", note="a note", folder=tmp_path / "kit")
    shipped = translate.load(tmp_path / "kit" / "tiny.safetensors")
    assert shipped.card == card and card["half"] and card["note"] == "a note"
    there = pair.apply(FIRST).astype(int)
    assert np.abs(there - shipped.apply(FIRST)).max() <= ship_pair.VISIBLE
    found = translate.against_truth(shipped, stripes(0, 40), stripes(1, 40), "disgust")
    assert card["scores"]["disgust"]["l1"] == found["l1"].as_dict()
    assert set(card["scores"]["neutral"]["called"]) == {"mini_xception_facs3d"}
    assert sorted(path.name for path in (tmp_path / "kit").iterdir()) == [
        "tiny.json",
        "tiny.safetensors",
    ]
    half = ship_pair.ship(tmp_path, "weak", "facs3d", folder=tmp_path / "weak", strength=0.5)
    assert half["strength"] == 0.5
    weak = translate.load(tmp_path / "weak" / "weak.safetensors").apply(FIRST).astype(int)
    assert np.abs(weak - pair.apply(FIRST, strength=0.5)).max() <= ship_pair.VISIBLE
    assert np.abs(weak - there).max() > ship_pair.VISIBLE
    monkeypatch.setattr(training, "SAVE_EVERY", 1)
    monkeypatch.setattr(training, "LOOK_EVERY", 1)
    monkeypatch.setattr(training.Run, "losses", lambda *_: np.full((1, len(TERMS)), np.nan))
    with pytest.raises(FerError, match="no numbers any more after 1 steps"):
        fit(3, out=tmp_path / "nan")


def test_scores_by_hand():
    black, grey = np.zeros((3, 1, 16, 16), np.uint8), np.full((3, 1, 16, 16), 51, np.uint8)
    pair = translate.Pair(
        CLASSES,
        16,
        {"lying": nn.Identity(), "standing": Constant(0.3, add=True)},
        {"net": {"generator": "change", "channels": 1}},
    )
    found = translate.against_truth(pair, black, grey)
    # from -1 by .3 up: .15 of white, which is 38 after rounding; the truth is 51
    assert found["l1"].translated == pytest.approx([13 / 255] * 3)
    assert found["l1"].copied == pytest.approx([51 / 255] * 3)
    assert found["l1"].gain == pytest.approx(-38 / 255)
    assert found["l1"].interval == pytest.approx((-38 / 255, -38 / 255))
    assert (found["ssim"].translated > found["ssim"].copied).all()
    with pytest.raises(FerError, match="other shapes"):
        translate.against_truth(pair, black, grey[:2])
