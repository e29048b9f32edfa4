"""Numbers of parameters, layers, MACs and receptive fields: to the unit, without memory."""

import os

import pytest
import torch
from torch import nn

from fer_utils import __main__, _torchvision, models, papers
from fer_utils.commands import models as models_command
from fer_utils.models.inception_resnet_v2 import Convolution
from fer_utils.models.summary import layers

META = torch.device("meta")


def on_meta(*words, **options):
    with META:
        return models.create(*words, **options)


@pytest.mark.parametrize(
    ("published", "convention", "experiment"),
    [
        (58_423, "keras", {"name": "mini_xception"}),
        (56_951, "torch", {"name": "mini_xception"}),
        (56_951, "torch", {"name": "mini_xception", "variant": "alessi2019"}),
        (59_576, "keras", {"name": "mini_xception", "num_classes": 8}),
        (8_757_704, "torch", {"name": "vgg13", "num_classes": 8}),
        (8_758_280, "torch", {"name": "vgg13", "num_classes": 8, "inputs": "gray+laplacian"}),
        (8_758_856, "torch", {"name": "vgg13", "num_classes": 8, "inputs": "gray+sobel"}),
        (645_472, "paper", {"name": "bottleneck_065m", "num_classes": 8}),
        (661_472, "torch", {"name": "bottleneck_065m", "num_classes": 8}),
        (
            645_904,
            "paper",
            {"name": "bottleneck_065m", "num_classes": 8, "inputs": "gray+laplacian"},
        ),
        (646_336, "paper", {"name": "bottleneck_065m", "num_classes": 8, "inputs": "gray+sobel"}),
        (57_023, "torch", {"name": "mini_xception", "inputs": "gray+magnitude"}),
        (57_095, "torch", {"name": "mini_xception", "inputs": "gray+magnitude+laplacian"}),
        (
            645_904,
            "paper",
            {"name": "bottleneck_065m", "num_classes": 8, "inputs": "gray+magnitude"},
        ),
        (66_877, "torch", {"name": "deep_emotion"}),
        (5_391_055, "torch", {"name": "light_vgg"}),
        (15_244_104, "torch", {"name": "vgg16_gap", "num_classes": 8}),
        (56_568_551, "keras", {"name": "inception_resnet_v2"}),
        (99_143_494, "torch", {"name": "custom_kdef", "num_classes": 6}),
        (17_926_983, "torch", {"name": "vgg_face"}),
    ],
)
def test_counts_to_the_unit(published, convention, experiment):
    net = on_meta(**experiment)
    assert models.count(net, convention) == published
    assert all(p.is_meta for p in net.parameters())


@pytest.mark.parametrize("published", papers.COUNTS, ids=lambda one: f"{one.paper} {one.where}")
def test_what_the_audit_claims_holds(published):
    net = on_meta(**published.experiment)
    assert (models.count(net, "paper") == published.value) == (not published.note)


def test_the_sixteen_rows_of_table_3():
    net = on_meta("bottleneck_065m", num_classes=8)
    rows, found = layers(net), []
    convolutions = [row for row in rows if row["kind"] == "Conv2d"]
    stem, inside, last = convolutions[:2], convolutions[2:-1], convolutions[-1]
    found += [("conv2d", row["parameters"], row["output"][0]) for row in stem]
    for three in zip(inside[::3], inside[1::3], inside[2::3], strict=True):
        parameters = sum(row["parameters"] for row in three)
        found.append(("bottleneck", parameters, three[-1]["output"][0]))
    pool = next(row for row in rows if row["kind"] == "GlobalAveragePool")
    found.append(("avg_pool", pool["parameters"], pool["output"][0]))
    found.append(("conv2d", last["parameters"], last["output"][0]))
    assert tuple(found) == papers.TABLE_III
    assert sum(row[1] for row in papers.TABLE_III) == 645_472
    # the input column of the table: 64, then halved by the bottlenecks of stride 2
    sides = [three["output"][-1] for three in inside[2::3]]
    assert sides == [32, 16, 16, 8, 8, 8, 8, 8, 8, 8, 8, 8]


def test_bottleneck_follows_the_formula():
    for block in on_meta("bottleneck_065m").trunk.blocks:
        c, c_out = block.layers[0].in_channels, block.layers[6].out_channels
        weights = models.count(block, "no batch norm")
        assert weights == 6 * c * c + 54 * c + 6 * c * c_out


def test_two_whole_streams_are_not_the_published_065_million():
    single = models.count(on_meta("bottleneck_065m", num_classes=8), "paper")
    net = on_meta("bottleneck_065m", num_classes=8, inputs="gray+laplacian", fusion="parallel")
    assert models.count(net, "paper") == 2 * single


@pytest.mark.parametrize(
    ("inputs", "width", "together"),
    [
        ("gray+laplacian", 0.7, 648_708),
        ("gray+magnitude", 0.7, 648_708),
        ("gray+sobel", 0.7, 649_014),
        ("gray+magnitude+laplacian", 0.57, 648_102),
    ],
)
def test_narrowed_streams_have_the_published_065_million_together(inputs, width, together):
    options = {"num_classes": 8, "inputs": inputs, "fusion": "parallel", "width": width}
    net = on_meta("bottleneck_065m", **options)
    assert models.count(net, "paper") == together
    assert round(together / 1e6, 2) == 0.65
    # by the formula, of Table III's filters rounded to the nearest whole number
    total = 0
    for stream, channels in zip(net.trunk.streams, net.trunk.widths, strict=True):
        stem = [max(1, round(width * filters)) for filters in (48, 32)]
        filters = [round(width * c) for kind, _, c in papers.TABLE_III if kind == "bottleneck"]
        counted = channels * stem[0] * 9 + stem[0] + stem[0] * stem[1] * 9 + stem[1]
        for c, c_out in zip([stem[1], *filters], filters, strict=False):
            counted += 6 * c * c + 54 * c + 6 * c * c_out
        counted += 8 * filters[-1]
        assert models.count(net.trunk.streams[stream], "no batch norm") == counted
        total += counted
    assert total == together


def test_width_one_is_the_net_of_table_3():
    plain, same = (on_meta("bottleneck_065m", **options) for options in ({}, {"width": 1}))
    assert plain.config == same.config and "width" not in plain.config
    assert models.count(plain) == models.count(same)


def test_bases_have_the_counts_of_their_libraries():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras", reason="keras counts the bases independently")
    shape = {"include_top": False, "weights": None, "input_shape": (96, 96, 3)}
    ours = models.count(on_meta("inception_resnet_v2").trunk.base, "keras")
    theirs = keras.applications.InceptionResNetV2(**shape)
    assert ours == theirs.count_params() == 54_336_736
    trained = sum(w.numel() for w in on_meta("inception_resnet_v2").trunk.base.parameters())
    assert trained == sum(int(w.value.numel()) for w in theirs.trainable_weights)
    vgg16 = keras.applications.VGG16(**shape)
    assert models.count(on_meta("vgg16_gap").trunk.base) == vgg16.count_params() == 14_714_688


def test_vgg_bases_are_numbered_like_torchvision():
    with META:
        theirs = _torchvision.load().models.vgg16(weights=None).features.state_dict()
    for name in ("vgg16_gap", "vgg_face"):
        ours = on_meta(name).trunk.base.state_dict()
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_frozen_parameters_are_not_trained_but_still_there():
    net = on_meta("inception_resnet_v2")
    whole = models.count(net, "keras")
    models.freeze_base(net)
    assert models.count(net) == models.count(net.trunk.head)
    assert models.count(net, "keras") == models.count(net, "paper") == whole


def test_macs_and_receptive_fields_of_a_hand_made_case():
    rows = {row["layer"]: row for row in layers(on_meta("light_vgg"))}
    assert rows["base.0"]["output"] == (8, 100, 100)
    assert rows["base.0"]["MACs"] == 100 * 100 * 8 * 27
    assert rows["head.1"]["MACs"] == 10_000 * 512
    # conv 3, conv 5, pool 6; from there neighbours are 2 pixels apart: conv 10, conv 14, pool 16
    sees = [rows[f"base.{i}"]["sees"] for i in (0, 2, 4, 5, 7, 9)]
    assert sees == [3, 5, 6, 10, 14, 16]
    assert rows["head.1"]["sees"] is None


@pytest.mark.parametrize("name", ["mini_xception", "bottleneck_065m", "light_vgg"])
def test_receptive_field_is_where_the_gradient_reaches(name):
    """What one output depends on, measured: no pixel outside the stated field has a gradient."""
    net = models.create(name, input_size=192, seed=0).double().eval()
    part = {"light_vgg": "base", "mini_xception": "blocks.1", "bottleneck_065m": "blocks.4"}[name]
    last = [row for row in layers(net) if row["layer"].startswith(part)]
    stated = max(row["sees"] for row in last)
    for module in net.modules():
        if isinstance(module, nn.MaxPool2d):
            module.forward = lambda x: nn.functional.avg_pool2d(x, 2)
        elif type(module).__name__ == "SameMaxPool2d":  # a maximum has one winner, a mean has all
            module.forward = lambda x: nn.functional.avg_pool2d(
                x, 3, 2, ceil_mode=True, count_include_pad=False
            )
        elif isinstance(module, nn.ReLU | nn.ReLU6):
            module.forward = lambda x: x
    x = torch.rand(1, *net.input_shape, dtype=torch.float64, requires_grad=True)
    y = x
    for child_name, child in net.trunk.named_children():
        stop = child_name == part.split(".")[0]
        y = child[: int(part.split(".")[1]) + 1](y) if stop and "." in part else child(y)
        if stop:
            break
    y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == stated


def test_describe_takes_a_name_or_a_net():
    table = models.describe("vgg13")
    assert list(table) == [*("kind", "output", "parameters", "MACs", "sees")]
    assert "64 x 64 x 64" in table["output"].to_list() and "1 x 64 x 64" in models.totals("vgg13")
    assert table["parameters"].sum() == models.count(models.create("vgg13"))
    net = models.from_claim("pandey2019:I:STL with Original, Gradient and Laplacian RTNN").train()
    assert "streams.laplacian.stl.localisation.9" in models.describe(net).index and net.training
    assert len(models.describe("inception_resnet_v2")) > 500


def test_command_prints_a_line_per_published_count(capsys):
    assert __main__.main(["models"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= models_command.WIDTH
    table = printed[1 : 1 + len(papers.COUNTS)]
    for row, published in zip(table, papers.COUNTS, strict=True):
        assert row.startswith(published.experiment["name"]) and published.paper in row
        assert ("no (1)" in row) == bool(published.note)
        assert row.endswith("yes") != bool(published.note)
    assert any("two streams" in row for row in printed[len(table) :])
    own = {"small_resnet"}  # ours: no published count
    assert {row.split()[0] for row in table} == set(models.names()) - own
    below = printed[1 + len(papers.COUNTS) :]
    with torch.device("meta"):
        counts = {
            variant: models.count(models.create("small_resnet", variant=variant))
            for variant in ("narrow", "wide", "deep")
        }
    for variant, count in counts.items():
        row = next(row for row in below if row.startswith(f"small_resnet ({variant})"))
        assert f"{count:,} parameters" in row
    for name in models.pretrained_names():
        row = next(row for row in below if row.split()[:1] == [name])
        assert f"{models.card(name)['parameters']:,} parameters" in row


def test_audit_s_rows_are_those_of_the_table(capsys):
    table, below = models.audit()
    assert len(table) == len(papers.COUNTS)
    assert (table["match"] == "yes").sum() == len(table) - 2
    __main__.main(["models"])
    head, *printed = capsys.readouterr().out.splitlines()
    assert head.split() == " ".join(["name", *table]).split()
    for row, line in zip(table.itertuples(), printed, strict=False):
        assert line.split() == " ".join(row).split()
    assert below[-1].startswith("(1)")


def test_command_prints_the_layers_of_one_net(capsys):
    assert __main__.main(["models", "deep_emotion"]) == 0
    assert "20,512" in capsys.readouterr().out
    assert __main__.main(["models", "vgg14"]) == 2
    assert "vgg13" in capsys.readouterr().err


def test_batch_norm_without_scale_has_ones_that_are_no_parameter():
    norm = Convolution(3, 8, 3)[1]
    assert torch.equal(norm.weight, torch.ones(8)) and not norm.weight.requires_grad
    assert set(dict(norm.named_parameters())) == {"bias"}
    assert "weight" not in norm.state_dict()
    x = torch.randn(4, 8, 5, 5, requires_grad=True)
    plain = torch.nn.functional.batch_norm(x, None, None, None, norm.bias, True, 0.0, norm.eps)
    torch.testing.assert_close(norm(x), plain)
    norm(x).sum().backward()
    assert norm.bias.grad is not None
