"""The comparison of first layers: its arms are what they are said to be, its table is theirs."""

import csv

import pytest
import torch

from fer_lab.experiments import first_layers as script
from fer_lab.experiments.first_layers import ARMS, EXPERIMENT, SEEDS, Arm, LearnedChannels, build
from fer_utils import inputs, models

FACES = torch.rand(3, 1, 48, 48, generator=torch.Generator().manual_seed(0))


def test_width_one_is_the_paper_s_network_to_the_bit():
    ours = build(Arm("Sobel", "gray+sobel"), seed=4).state_dict()
    theirs = models.create("mini_xception", inputs="gray+sobel", seed=4).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_parameters_match_within_one_per_cent():
    counts = [models.count(build(arm)) for arm in ARMS]
    assert max(counts) / min(counts) < 1.01


@pytest.mark.parametrize("name", ["gray+sobel", "gray+laplacian"])
def test_learned_filters_started_at_the_fixed_ones_give_the_same_net(name):
    fixed = build(Arm("fixed", name)).eval()
    learned = build(Arm("learned", name, "started")).eval()
    with torch.no_grad():
        assert torch.allclose(learned.channels(FACES), fixed.channels(FACES), atol=1e-5)
        assert torch.allclose(learned(FACES), fixed(FACES), atol=1e-4)
    filters = inputs.channel_count(name) - 1
    assert models.count(learned) - models.count(fixed) == 9 * filters


def test_random_start_has_the_fixed_filters_length_and_is_learned():
    net = build(Arm("learned", "gray+sobel", "random"), seed=1)
    kernels = net.channels.filters.weight
    assert kernels.flatten(1).norm(dim=1).tolist() == pytest.approx([12**0.5] * 2)
    assert not torch.allclose(kernels[0], kernels[1], atol=0.1)
    net(FACES).logsumexp(1).sum().backward()
    assert kernels.grad.abs().min() > 0


def test_half_precision_leaves_the_learned_channels_exact():
    channels = LearnedChannels(script.FIXED["gray+sobel"], random=True)
    exact = channels(FACES)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(channels(FACES), exact)


@pytest.fixture(scope="module")
def table():
    lines = EXPERIMENT.table.read_text().splitlines()
    about = [line for line in lines if line.startswith("#")]
    assert f"made by: {EXPERIMENT.command}" in about[-1]
    return list(csv.DictReader(lines[len(about) :]))


def test_table_has_every_arm_and_seed(table):
    there = [(row["arm"], int(row["seed"])) for row in table]
    assert there == [(arm.name, seed) for arm in ARMS for seed in SEEDS]


def test_table_tells_the_true_parameters_and_starts(table):
    arms = {arm.name: arm for arm in ARMS}
    for row in table:
        net = build(arms[row["arm"]], seed=int(row["seed"]))
        assert int(row["parameters"]) == models.count(net)
        started = [float(number) for number in row["kernels_start"].split()]
        assert started == pytest.approx(script.kernels(net), abs=1e-4)
        assert len(row["kernels"].split()) == len(started)
        assert 0 < int(row["correct"]) <= int(row["n"])
