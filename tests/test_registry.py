"""All networks: shapes, gradients, channels, streams, transfer; and what is refused."""

import itertools
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from fer_utils import data, models, papers, saliency, train
from fer_utils.errors import FerError
from fer_utils.inputs import INPUTS
from fer_utils.models.inception_resnet_v2 import Convolution
from fer_utils.models.layers import SameMaxPool2d
from fer_utils.models.registry import ARCHITECTURES

META = torch.device("meta")
LARGE = ("custom_kdef", "inception_resnet_v2", "vgg16_gap", "vgg_face")
SMALL = [name for name in models.names() if name not in LARGE]


def on_meta(*words, **options):
    with META:
        return models.create(*words, **options)


@pytest.mark.parametrize("name", models.names())
def test_shape_and_gradient_at_its_own_input_size(name):
    net = models.create(name, seed=0)
    assert net.input_size == ARCHITECTURES[name].input_size
    batch = 1 if name in ("custom_kdef", "vgg16_gap", "vgg_face") else 2
    pictures = torch.rand(batch, 1, 48, 48, requires_grad=True)
    logits = net(pictures)
    assert logits.shape == (batch, 7) and logits.isfinite().all()
    # the first convolution and the picture: everything between them and the loss lets it through
    first = next(m for m in net.modules() if isinstance(m, nn.Conv2d)).weight
    gradients = torch.autograd.grad(logits[:, 0].sum(), [first, pictures])
    assert all(g.isfinite().all() for g in gradients)
    assert gradients[1].abs().sum() > 0


COMBINATIONS = [
    (name, inputs, fusion, stl)
    for name, inputs, fusion, stl in itertools.product(
        models.names(), INPUTS, ("concat", "parallel"), (False, True)
    )
    if (inputs, fusion) != ("gray", "parallel")
]


# Of the largest network just these: the other combinations are of the same parts.
INCEPTION = [
    ("gray", "concat", True),
    ("gray+sobel", "concat", False),
    ("gray+sobel", "parallel", True),
]


@pytest.mark.parametrize("name", models.names())
def test_every_input_fusion_and_transformer_fits(name):
    for _, *chosen in (c for c in COMBINATIONS if c[0] == name):
        if name == "inception_resnet_v2" and tuple(chosen) not in INCEPTION:
            continue
        inputs, fusion, stl = chosen
        net = on_meta(name, inputs=inputs, fusion=fusion, stl=stl).eval()
        pictures = torch.empty(2, 3, 60, 52, device=META)
        assert net.prepare(pictures).shape == (2, *net.input_shape)
        assert net(pictures).shape == (2, 7)


def test_config_builds_the_same_net_again():
    net = on_meta("light_vgg", 3, "gray+sobel", 40, fusion="parallel", stl=True)
    again = on_meta(**{**net.config, "classes": net.classes})
    assert again.config == net.config
    narrow = on_meta("bottleneck_065m", inputs="gray+sobel", fusion="parallel", width=0.7)
    assert narrow.config["width"] == 0.7
    assert on_meta(**{**narrow.config, "classes": narrow.classes}).config == narrow.config
    shapes = [{k: v.shape for k, v in one.state_dict().items()} for one in (net, again)]
    assert shapes[0] == shapes[1]


PANDEY = [claim for claim in papers.claims("pandey2019") if claim.experiment]


@pytest.mark.parametrize("claim", PANDEY, ids=lambda one: one.key)
def test_every_row_of_pandey2019_is_a_net_that_learns(claim):
    net = models.from_claim(claim.key, seed=0)
    logits = net(torch.rand(2, 1, 48, 48))
    assert logits.shape == (2, 7 if claim.table == "I" else 8)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    # Table I's gradient is one picture, Tables II and IV concatenate two directions
    assert ("magnitude" in net.inputs) == (claim.table == "I" and "Gradient" in claim.row)
    assert ("width" in net.config) == ("parallel" in claim.row)
    streams = claim.row.count("+") + 1 if "STL +" not in claim.row else 1
    if claim.table == "I":
        streams = 3 if "Original, Gradient" in claim.row else streams
        transformers = sum(type(m).__name__ == "SpatialTransformer" for m in net.modules())
        assert transformers == (streams if "STL" in claim.row else 0)
        heads = [name for name, _ in net.trunk.named_modules() if name.endswith("head")]
        assert len(heads) == streams


def test_tables_of_pandey2019_are_complete():
    tables = [claim.table for claim in PANDEY]
    assert [tables.count(table) for table in ("I", "II", "IV")] == [6, 4, 5]


def test_parallel_streams_see_their_own_channels_and_are_averaged():
    net = models.create("vgg13", inputs="gray+sobel+laplacian", fusion="parallel", seed=0).eval()
    ready = net.prepare(torch.rand(2, 1, 64, 64))
    gray, sobel, laplacian = ready[:, :1], ready[:, 1:3], ready[:, 3:]
    streams = net.trunk.streams
    each = (streams["gray"](gray), streams["sobel"](sobel), streams["laplacian"](laplacian))
    torch.testing.assert_close(net.trunk(ready), sum(each) / 3)
    assert not torch.allclose(each[0], each[1], atol=1e-4)
    net = models.create("vgg13", inputs="gray+magnitude+laplacian", fusion="parallel", seed=0)
    assert list(net.trunk.streams) == ["gray", "magnitude", "laplacian"]
    assert net.trunk.widths == (1, 1, 1)


def test_a_net_that_sees_the_magnitude_learns_from_flat_pictures():
    """Its transformer hands gradients to the channels, and a black picture has no edge."""
    net = models.create("mini_xception", inputs="gray+magnitude", stl=True, seed=0)
    black = torch.zeros(4, 1, 48, 48, requires_grad=True)
    F.cross_entropy(net(black), torch.arange(4)).backward()
    assert black.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("name", ["bottleneck_065m", "light_vgg", "mini_xception"])
def test_transformer_first_changes_nothing(name):
    """It starts at the identity: before training a net answers as it does without one."""
    plain = models.create(name, inputs="gray+sobel", seed=0).eval()
    warped = models.create(name, inputs="gray+sobel", stl=True, seed=1).eval()
    warped.trunk.net.load_state_dict(plain.trunk.state_dict())
    pictures = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(warped(pictures), plain(pictures), atol=1e-4, rtol=1e-3)


def test_transformer_warps_a_picture_of_any_size():
    net = models.create("light_vgg", stl=True, seed=0).eval()
    stl = net.trunk.stl
    with torch.no_grad():  # shows the left half only, stretched
        stl.localisation[-1].bias.copy_(torch.tensor([0.5, 0, -0.5, 0, 1, 0]))
    x = torch.rand(1, 3, 100, 100)
    stretched = F.interpolate(x[..., :50], (100, 100), mode="bilinear", align_corners=False)
    torch.testing.assert_close(stl(x)[..., 1:-1], stretched[..., 1:-1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["light_vgg", "vgg13"])
def test_grey_and_its_rgb_copy_give_the_same_answer(name):
    net = models.create(name, inputs="gray+laplacian", seed=0).eval()
    grey = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(net(grey), net(grey.expand(2, 3, 48, 48)), atol=1e-5, rtol=1e-4)


def test_only_nets_for_colour_see_colour():
    red = torch.zeros(1, 3, 48, 48)
    red[:, 0] = 1
    grey = torch.full((1, 1, 48, 48), 0.299)  # the luma of red
    for name, sees in (("light_vgg", True), ("vgg13", False)):
        net = models.create(name, seed=0).eval()
        same = torch.allclose(net.prepare(red), net.prepare(grey), atol=1e-5)
        assert same is not sees


def test_each_base_gets_the_scale_its_weights_were_trained_on():
    colours = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1).expand(1, 3, 48, 48)
    first = {name: on_meta(name).prepare(colours)[0, :, 0, 0] for name in LARGE}
    expected = (torch.tensor([0.2, 0.4, 0.6]) - torch.tensor([0.485, 0.456, 0.406])) / (
        torch.tensor([0.229, 0.224, 0.225])
    )
    torch.testing.assert_close(first["vgg16_gap"], expected)
    blue_first = torch.tensor([153.0, 102.0, 51.0]) - torch.tensor([93.594, 104.7624, 129.1863])
    torch.testing.assert_close(first["vgg_face"], blue_first)
    torch.testing.assert_close(first["inception_resnet_v2"], torch.tensor([-0.6, -0.2, 0.2]))


def test_variant_of_alessi2019_has_two_more_relus_per_module():
    arriaga = models.create("mini_xception", seed=0).eval()
    alessi = models.create("mini_xception", variant="alessi2019", seed=0).eval()
    alessi.load_state_dict(arriaga.state_dict())
    x = arriaga.trunk.stem(arriaga.prepare(torch.rand(2, 1, 48, 48)))
    block, plain = alessi.trunk.blocks[0], arriaga.trunk.blocks[0]
    # as the paper writes it: [separable convolution, batch norm, ReLU] x 2, then the pooling
    as_written = SameMaxPool2d()(block.main[:5](x).relu()) + block.residual(x).relu()
    torch.testing.assert_close(block(x), as_written)
    assert (plain(x) < 0).any() and not (block(x) < 0).any()


def test_inception_resnet_v2_answers_like_keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras is the peer of this network")
    theirs = keras.applications.InceptionResNetV2(
        include_top=False, weights=None, input_shape=(96, 96, 3)
    )
    ours = models.create("inception_resnet_v2", input_size=96, seed=0).trunk.base.eval()
    port_inception(theirs, ours)
    pictures = np.random.default_rng(0).uniform(-1, 1, (1, 96, 96, 3)).astype(np.float32)
    expected = torch.as_tensor(np.asarray(theirs.predict(pictures, verbose=0)))
    with torch.inference_mode():
        found = ours(torch.from_numpy(pictures).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.max()), rtol=1e-3)


def port_inception(theirs, ours: nn.Module) -> None:
    """Copy Keras's weights in the order in which its layers were made, which is ours."""
    made = {"conv2d": [], "batch_normalization": [], "conv": []}
    for layer in theirs.layers:
        kind = type(layer).__name__
        if kind == "Conv2D":
            number = layer.name.removeprefix("conv2d").strip("_")
            if layer.name.startswith("conv2d"):
                made["conv2d"].append((int(number or 0), layer))
            elif layer.name.endswith("_conv"):
                made["conv"].append(layer)
        elif kind == "BatchNormalization" and layer.name.startswith("batch"):
            number = layer.name.removeprefix("batch_normalization").strip("_")
            made["batch_normalization"].append((int(number or 0), layer))
    convolutions = [layer for _, layer in sorted(made["conv2d"], key=lambda pair: pair[0])]
    norms = [layer for _, layer in sorted(made["batch_normalization"], key=lambda pair: pair[0])]
    convolutions.append(theirs.get_layer("conv_7b"))
    norms.append(theirs.get_layer("conv_7b_bn"))
    pairs = [module for module in ours.modules() if isinstance(module, Convolution)]
    ups = [m for m in ours.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    rng = np.random.default_rng(1)
    with torch.no_grad():
        for (conv, norm, _), their_conv, their_norm in zip(pairs, convolutions, norms, strict=True):
            conv.weight.copy_(torch.as_tensor(their_conv.get_weights()[0]).permute(3, 2, 0, 1))
            shift = rng.normal(0, 0.1, norm.num_features).astype(np.float32)
            variance = rng.uniform(0.5, 1.5, norm.num_features).astype(np.float32)
            their_norm.set_weights([shift, shift / 2, variance])
            norm.bias.copy_(torch.from_numpy(shift))
            norm.running_mean.copy_(torch.from_numpy(shift / 2))
            norm.running_var.copy_(torch.from_numpy(variance))
        for conv, their_conv in zip(ups, made["conv"], strict=True):
            weight, bias = their_conv.get_weights()
            conv.weight.copy_(torch.as_tensor(weight).permute(3, 2, 0, 1))
            conv.bias.copy_(torch.as_tensor(bias))


@pytest.mark.parametrize(
    "options",
    [
        {"name": "bottleneck_065m", "inputs": "gray+sobel", "fusion": "parallel", "input_size": 16},
        {"name": "mini_xception", "inputs": "gray+laplacian", "fusion": "parallel", "stl": True},
        {"name": "light_vgg", "input_size": 32},
        {"name": "mini_xception", "variant": "alessi2019"},
        {
            **{"name": "bottleneck_065m", "inputs": "gray+magnitude", "fusion": "parallel"},
            **{"input_size": 16, "width": 0.5},
        },
    ],
)
def test_round_trip_occlusion_and_training(options, tmp_path):
    faces = data.load("facs3d", progress=False)
    known = faces.where(split="train").take(slice(0, 96))
    net = models.create(**options, classes=faces.classes, seed=0)
    before = [p.clone() for p in net.parameters()]
    recipe = train.Recipe(source="test", batch=32)
    train.fit(net, known, known, recipe, epochs=1, progress=False)
    changed = [not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert all(changed)
    models.save(net, tmp_path / "net.safetensors")
    again = models.load_file(tmp_path / "net.safetensors")
    face = known.images[0]
    found = saliency.occlusion(again, face, window=16, stride=16)
    expected = net.cpu()(torch.tensor(face)[None].float() / 255).softmax(1)[0]
    np.testing.assert_allclose(found.clean, expected.detach().numpy(), atol=1e-4)
    assert again.config == net.config


def test_base_weights_come_from_a_file(tmp_path):
    trained = models.create("vgg16_gap", input_size=32, seed=5).trunk.base
    path = tmp_path / "vgg16.safetensors"
    save_file(trained.state_dict(), path)
    for name in ("vgg16_gap", "vgg_face"):
        net = models.create(name, input_size=32, seed=0, stl=name == "vgg_face", base_weights=path)
        base = net.trunk.net.base if name == "vgg_face" else net.trunk.base
        assert torch.equal(base[0].weight, trained[0].weight)
        assert torch.equal(base[-3].bias, trained[-3].bias)
    wrong = trained.state_dict()
    wrong["features.0.weight"] = wrong.pop("0.weight")
    wrong["2.weight"] = torch.zeros(3, 3)
    save_file(wrong, path)
    with pytest.raises(FerError, match="1 missing .0.weight.*not in the net .features.0.weight"):
        models.create("vgg16_gap", input_size=32, base_weights=path)
    with pytest.raises(FerError, match="1 of another shape .2.weight .3, 3. instead of .64, 64"):
        models.create("vgg16_gap", input_size=32, base_weights=path)
    path.write_bytes(b"not weights")
    with pytest.raises(FerError, match="not a .safetensors file"):
        models.create("vgg16_gap", input_size=32, base_weights=path)


@pytest.mark.parametrize("name", ["vgg16_gap", "vgg_face", "inception_resnet_v2"])
def test_missing_base_weights_say_how_to_get_them(name, tmp_path):
    with META, pytest.raises(FerError, match="is missing.*(save|Save)"):
        models.create(name, base_weights=tmp_path / "none.safetensors")


def test_frozen_base_stays_and_the_head_learns():
    net = models.create("mini_xception", inputs="gray+sobel", fusion="parallel", stl=True, seed=0)
    models.freeze_base(net).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):  # a transformer's first layers wait for its last
        optimiser.zero_grad()
        F.cross_entropy(net(torch.rand(4, 1, 48, 48)), torch.arange(4)).backward()
        optimiser.step()
    changed = {
        key for key, value in net.state_dict().items() if not torch.equal(value, before[key])
    }
    assert changed and all(".head." in key or ".stl." in key for key in changed)
    assert any(".head." in key for key in changed) and any(".stl." in key for key in changed)
    assert net.training and not net.trunk.streams["gray"].net.blocks.training
    assert net.trunk.streams["gray"].net.head.training
    models.unfreeze(net).train()
    assert net.trunk.streams["gray"].net.blocks.training
    assert models.count(net) == models.count(
        models.create(**{**net.config, "classes": net.classes})
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mini_xception", {}),
        ("bottleneck_065m", {"stl": True}),
        ("light_vgg", {"inputs": "gray+laplacian", "fusion": "parallel"}),
    ],
)
def test_new_head_for_other_classes(name, options, tmp_path):
    net = models.create(name, seed=0, **options).eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    models.replace_head(net, ("yes", "no", "perhaps"))
    assert net(torch.rand(2, 1, 48, 48)).shape == (2, 3)
    streams = 2 if "fusion" in options else 1
    changed = [k for k, v in net.state_dict().items() if v.shape != before[k].shape]
    assert changed and len([key for key in changed if key.endswith("weight")]) == streams
    models.save(net, tmp_path / "net.safetensors")
    assert models.load_file(tmp_path / "net.safetensors").classes == ("yes", "no", "perhaps")
    assert models.replace_head(net, 8).classes[-1] == "contempt"


@pytest.mark.parametrize(("name", "share"), [("vgg16_gap", 0.25), ("inception_resnet_v2", 0.3)])
def test_a_narrow_net_has_about_the_squared_share_of_the_weights(name, share, tmp_path):
    whole, narrow = on_meta(name), models.create(name, input_size=75, width=share, seed=0)
    kept = models.count(narrow, "torch") / models.count(whole, "torch")
    assert kept == pytest.approx(share**2, rel=0.06)
    models.save(narrow, tmp_path / "net.safetensors")
    again = models.load_file(tmp_path / "net.safetensors")
    with torch.no_grad():
        picture = torch.rand(1, 1, 48, 48)
        assert torch.equal(again(picture), narrow.eval()(picture))
    save_file(narrow.trunk.base.state_dict(), tmp_path / "base.safetensors")
    with pytest.raises(FerError, match="of another shape"):
        models.create(name, width=0.2, base_weights=tmp_path / "base.safetensors")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: on_meta("vgg19"), "'vgg13'"),
        (lambda: on_meta("vgg13", fusion="parallel"), "one stream.*magnitude"),
        (lambda: on_meta("vgg13", inputs="gray+sobel", fusion="sum"), "concat, parallel"),
        (lambda: on_meta("vgg13", inputs="gray+sobal"), r"gray\+sobel"),
        (lambda: on_meta("vgg13", variant="arriaga"), "no variants"),
        (lambda: on_meta("mini_xception", variant="alessi"), "alessi2019"),
        (lambda: on_meta("vgg13", width=0.7), "vgg13 has one width only.*bottleneck_065m"),
        (lambda: on_meta("bottleneck_065m", width=0.0), "from 0.1 to 4"),
        (lambda: on_meta("bottleneck_065m", width="0.7"), "from 0.1 to 4"),
        (lambda: on_meta("bottleneck_065m", width=float("nan")), "from 0.1 to 4"),
        (lambda: on_meta("inception_resnet_v2", input_size=48), "75 or more"),
        (lambda: on_meta("mini_xception", base_weights="x"), "no base.*vgg_face"),
        (
            lambda: on_meta("vgg_face", inputs="gray+sobel", base_weights="x"),
            "no weights for more channels",
        ),
        (lambda: models.replace_head(on_meta("vgg13"), 1), "two classes"),
        (
            lambda: models.from_claim("pandey2019:I:STL + RTN"),
            r"Did you mean 'pandey2019:I:STL \+ RTNN'",
        ),
        (lambda: on_meta("light_vgg")(torch.rand(1, 2, 48, 48)), "2 channels"),
        (lambda: on_meta("vgg_face")(torch.rand(1, 3, 7, 48)), "7x48 is too small for vgg_face"),
    ],
)
def test_errors_say_what_to_do(call, says):
    with pytest.raises(FerError, match=says):
        call()


def test_claims_are_found_whatever_their_capitals():
    net = models.from_claim("PANDEY2019:ii:vgg13 + laplacian (input concatenated)")
    assert (net.name, net.inputs, len(net.classes)) == ("vgg13", "gray+laplacian", 8)


def test_every_net_has_a_recipe_under_its_papers_key():
    from fer_utils.train.recipes import RECIPES

    assert {models.paper(name) for name in models.names()} <= set(RECIPES)
