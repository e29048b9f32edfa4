"""The two networks: exact counts, exact answers, and a round trip through a file."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import models
from fer_utils.errors import FerError
from fer_utils.models.layers import SameMaxPool2d

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="keras, the peer for ported weights, is a test extra")


def arriaga_in_keras(size: int, num_classes: int = 7):
    """Arriaga's mini-Xception as written for Keras: the peer whose answers ours must give."""
    layers = keras.layers
    x = picture = keras.Input((size, size, 1))
    for _ in range(2):
        x = layers.Conv2D(8, 3, use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters in (16, 32, 64, 128):
        residual = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
        residual = layers.BatchNormalization()(residual)
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, residual])
    x = layers.Conv2D(num_classes, 3, padding="same")(x)
    x = layers.Activation("softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(picture, x)


def randomise(net) -> None:
    rng = np.random.default_rng(0)
    for weights in net.weights:
        low, high = (0.5, 1.5) if "var" in weights.name or "gamma" in weights.name else (-0.3, 0.3)
        weights.assign(rng.uniform(low, high, weights.shape).astype(np.float32))


def port(theirs, ours: nn.Module) -> None:
    """Copy Keras's weights into our trunk, layer by layer of the same kind."""
    blocks = ours.trunk.blocks
    convolutions = [m for m in ours.trunk.stem.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in ours.trunk.stem.modules() if isinstance(m, nn.BatchNorm2d)]
    separable = []
    for block in blocks:  # Keras's layers come in the order in which they were made
        convolutions.append(block.residual[0])
        norms += [block.residual[1], block.main[1], block.main[4]]
        separable += [block.main[0], block.main[3]]
    convolutions.append(ours.trunk.head)
    kinds = {"Conv2D": convolutions, "BatchNormalization": norms, "SeparableConv2D": separable}
    turn = {kind: iter(modules) for kind, modules in kinds.items()}
    for layer in sorted(theirs.layers, key=lambda layer: _number(layer.name)):
        kind = type(layer).__name__
        if kind in turn:
            copy_layer(layer, next(turn[kind]))


def _number(name: str) -> int:
    tail = name.rsplit("_", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def copy_layer(layer, module: nn.Module) -> None:
    arrays = [torch.tensor(np.asarray(w)) for w in layer.get_weights()]
    with torch.no_grad():
        if isinstance(module, nn.BatchNorm2d):
            targets = (module.weight, module.bias, module.running_mean, module.running_var)
            for target, array in zip(targets, arrays, strict=True):
                target.copy_(array)
        elif isinstance(module, nn.Conv2d):
            module.weight.copy_(arrays[0].permute(3, 2, 0, 1))
            if module.bias is not None:
                module.bias.copy_(arrays[1])
        else:
            module[0].weight.copy_(arrays[0].permute(2, 3, 0, 1))
            module[1].weight.copy_(arrays[1].permute(3, 2, 0, 1))


@pytest.mark.parametrize("size", [48, 64, 49])
def test_weights_ported_from_keras_give_the_same_answers(size):
    theirs = arriaga_in_keras(size)
    randomise(theirs)
    ours = models.create("mini_xception", input_size=size).eval()
    port(theirs, ours)
    assert theirs.count_params() == models.count(ours, "keras") == 58_423
    pictures = np.random.default_rng(1).random((4, size, size, 1), dtype=np.float32)
    expected = np.asarray(theirs.predict(pictures * 2 - 1, verbose=0))
    with torch.inference_mode():
        got = ours(torch.from_numpy(pictures).permute(0, 3, 1, 2)).softmax(1).numpy()
    assert expected.max() - expected.min() > 0.1  # not the flat answer of dead activations
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_parameter_counts_of_the_papers():
    xception = models.create("mini_xception")
    assert models.count(xception, "keras") == models.count(xception, "paper") == 58_423
    assert models.count(xception) == 56_951
    assert models.count(models.create("mini_xception", num_classes=8), "keras") == 59_576
    deep = models.create("deep_emotion")
    assert models.count(deep) == models.count(deep, "paper") == 66_877


@pytest.mark.parametrize("side", [5, 6])
def test_same_pooling_pads_at_the_end_first(side):
    ramp = torch.arange(side * side, dtype=torch.float32).view(1, 1, side, side)
    pooled = SameMaxPool2d()(ramp)[0, 0]
    # windows start at 0 for an even side, at -1 for an odd one: their last pixels are
    ends = [2, 4, 5] if side == 6 else [1, 3, 4]
    assert pooled.tolist() == [[y * side + x for x in ends] for y in ends]


@pytest.mark.parametrize("name", ["bottleneck_065m", "deep_emotion", "mini_xception", "vgg13"])
@pytest.mark.parametrize("inputs", ["gray", "gray+laplacian", "gray+sobel+laplacian"])
def test_any_picture_goes_in_and_gradients_come_back(name, inputs):
    net = models.create(name, inputs=inputs, seed=0)
    pictures = torch.rand(3, 3, 60, 52, requires_grad=True)
    logits = net(pictures)
    assert logits.shape == (3, 7)
    logits.sum().backward()
    assert pictures.grad.abs().sum() > 0
    assert all(p.grad is not None for p in net.parameters())


def test_grey_and_its_rgb_copy_give_the_same_answer():
    net = models.create("mini_xception", seed=0).eval()
    grey = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(net(grey), net(grey.expand(2, 3, 48, 48)), atol=1e-5, rtol=1e-5)


def test_prepare_scales_to_minus_one_and_one():
    net = models.create("mini_xception", inputs="gray+laplacian")
    picture = torch.zeros(1, 1, 48, 48)
    picture[..., 24:] = 1
    ready = net.prepare(picture)
    assert (ready[:, 0].min(), ready[:, 0].max()) == (-1, 1)
    assert (ready[:, 1].min(), ready[:, 1].max()) == (-1, 1)
    assert ready[0, 1, 0, 0] == 0


def test_mini_xception_learns_at_64_pixels_in_the_memory_of_a_training():
    """In a process of its own: a memory fault in torch would end this one."""
    lines = (
        "import torch; from fer_utils import models",
        "net = models.create('mini_xception', input_size=64, seed=0).train()",
        "net.to(memory_format=torch.channels_last)",
        "for _ in range(4): net(torch.rand(8, 1, 64, 64)).square().mean().backward()",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-300:]


def test_dropout_is_off_at_evaluation():
    net = models.create("deep_emotion", seed=0)
    picture = torch.rand(1, 1, 48, 48)
    assert torch.equal(net.eval()(picture), net(picture))
    assert not torch.equal(net.train()(picture), net(picture))


def test_transformer_starts_at_the_identity():
    net = models.create("deep_emotion", seed=0).eval()
    ready = net.prepare(torch.rand(2, 1, 48, 48))
    transformer = net.trunk.transformer
    torch.testing.assert_close(transformer(ready), ready, atol=1e-5, rtol=1e-4)
    assert transformer.theta(ready)[0].tolist() == [[1, 0, 0], [0, 1, 0]]


def test_seed_gives_the_same_weights_and_leaves_torch_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (models.create("mini_xception", seed=1) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.trunk.head.weight, second.trunk.head.weight)
    other = models.create("mini_xception", seed=2)
    assert not torch.equal(first.trunk.head.weight, other.trunk.head.weight)


def test_round_trip_through_a_file(tmp_path):
    net = models.create("mini_xception", inputs="gray+sobel", classes=("a", "b"), seed=0).eval()
    card = models.save(net, tmp_path / "net.safetensors", {"data": "none"})
    again = models.load_file(tmp_path / "net.safetensors")
    picture = torch.rand(1, 1, 48, 48)
    assert torch.equal(net(picture), again(picture))
    assert again.classes == ("a", "b") and not again.training
    assert json.loads((tmp_path / "net.json").read_text()) == card
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.safetensors"]


def test_a_changed_weight_file_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    models.save(models.create("mini_xception"), path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FerError, match="SHA-256"):
        models.load_file(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FerError, match="missing"):
        models.load_file(path)


def test_the_folder_of_a_training_is_a_model(tmp_path):
    with pytest.raises(FerError, match="holds no model.safetensors"):
        models.load(tmp_path)
    (tmp_path / "best.safetensors").touch()
    for path in (tmp_path, tmp_path / "best.safetensors"):  # a training that is not over
        with pytest.raises(FerError, match="has no card: `train` writes model.safetensors when"):
            models.load(path)
    models.save(models.create("mini_xception", seed=0), tmp_path / "model.safetensors")
    assert models.count(models.load(tmp_path)) == models.count(models.load(str(tmp_path)))
    with pytest.raises(FerError, match=f"load {tmp_path}, whose model.safetensors has one"):
        models.load(tmp_path / "best.safetensors")
    with pytest.raises(FerError, match="name='': give"):
        models.load("")


@pytest.mark.parametrize("name", models.pretrained_names())
def test_cards_say_where_weights_come_from(name):
    card, net = models.card(name), models.pretrained(name)
    for key in ("data", "recipe", "seed", "selection", "command", "scores", "sha256"):
        assert card[key] or card[key] == 0, key
    assert card["parameters"] == models.count(net)
    assert not net.training


def test_describe_lists_every_layer():
    net = models.create("deep_emotion")
    assert "66,877" in models.totals(net)
    # 640 x 32 + 32, the first linear layer of the localisation net
    assert 20_512 in models.describe(net)["parameters"].to_list()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: models.create("mini_exception"), "mini_xception"),
        (lambda: models.create("deep_emotion", input_size=64), "48x48 only"),
        (lambda: models.create("mini_xception", input_size=10), "16 or more"),
        (lambda: models.create("mini_xception", inputs="sobel"), "gray"),
        (lambda: models.count(nn.Linear(1, 1), "paper"), "models.create"),
        (lambda: models.count(nn.Linear(1, 1), "tensorflow"), "torch, keras, .*, paper"),
        (lambda: models.pretrained("nothing"), "no weights called 'nothing'"),
        (lambda: models.create("mini_xception")(torch.rand(48, 48)), "picture\\[None\\]"),
        (lambda: models.create("mini_xception")(torch.rand(1, 2, 48, 48)), "2 channels"),
        (lambda: models.create("mini_xception")(torch.rand(1, 1, 4, 4)), "mini_xception; 8x8"),
        (
            lambda: models.create("mini_xception")(torch.zeros(1, 1, 48, 48, dtype=torch.uint8)),
            "/ 255",
        ),
    ],
)
def test_errors_say_what_to_do(call, says):
    with pytest.raises(FerError, match=says):
        call()


def test_an_array_is_answered_in_words():
    net = models.create("mini_xception", seed=0)
    with pytest.raises(FerError, match="takes a torch tensor"):
        net(np.zeros((1, 1, 48, 48), np.uint8))
