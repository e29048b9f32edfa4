"""`saliency.Occlusion` where captum's stands: captum is the yardstick."""

import inspect

import pytest
import torch
from captum.attr import Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fer_utils import saliency
from fer_utils.errors import FerError
from fer_utils.saliency._engines import dispatch
from tests.test_occlusion import Small


def both(net, *given, **options):
    """Return our attribution and captum's, which both are tuples where the inputs are."""
    ours = saliency.Occlusion(net).attribute(*given, **options)
    theirs = Occlusion(net).attribute(*given, **{"perturbations_per_eval": 1, **options})
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    return ours, theirs


def agree(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@st.composite
def cases(draw):
    samples, channels = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    sides = (channels, draw(st.integers(3, 13)), draw(st.integers(3, 13)))
    window = tuple(draw(st.integers(1, side)) for side in sides)
    strides = draw(st.one_of(st.none(), st.integers(1, min(window)), st.just("each")))
    if strides == "each":
        strides = tuple(draw(st.integers(1, side)) for side in window)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    inputs = torch.randn(samples, *sides, generator=generator)
    one = torch.randn(1, *sides, generator=generator)
    baselines = draw(
        st.sampled_from([None, 0, 1, -0.5, one, torch.randn_like(inputs), one[:, :1, :1, :1]])
    )
    each = [draw(st.integers(0, 4)) for _ in range(samples)]
    targets = [each[0], (each[0],), torch.tensor(each), torch.tensor([each[0]]), each]
    target = draw(st.sampled_from([*targets, [(t,) for t in each], None]))
    return inputs, window, strides, baselines, target, draw(st.sampled_from([None, 1, 5]))


@settings(max_examples=60, deadline=None)
@given(cases())
def test_same_numbers_as_captum(case):
    inputs, window, strides, baselines, target, per_pass = case
    net = Small(channels=inputs.shape[1])
    arguments = {"strides": strides, "baselines": baselines, "target": target}
    expected = Occlusion(net).attribute(inputs, window, perturbations_per_eval=40, **arguments)
    found = saliency.Occlusion(net).attribute(
        inputs, window, perturbations_per_eval=per_pass, **arguments
    )
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert not found.is_inference()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_same_numbers_as_captum_where_outputs_have_more_dimensions():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 12))
    net.append(nn.Unflatten(1, (3, 4)))
    inputs = torch.rand(2, 1, 8, 8)
    for target in ((1, 2), [(0, 1), (2, 3)], 1, None):
        expected = Occlusion(net).attribute(inputs, (1, 3, 4), target=target)
        found = saliency.Occlusion(net).attribute(inputs, (1, 3, 4), target=target)
        torch.testing.assert_close(found, expected)


def test_same_numbers_as_captum_on_vectors():
    net, inputs = nn.Linear(9, 1), torch.rand(4, 9)
    expected = Occlusion(net).attribute(inputs, (4,), strides=3)
    torch.testing.assert_close(saliency.Occlusion(net).attribute(inputs, (4,), strides=3), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sliding_window_shapes": (3, 3)}, "3 window sides"),
        ({"strides": (1, 1)}, "3 window sides"),
        ({"strides": (1, 4, 4)}, "gaps"),
        ({"target": 9}, "target=9"),
        ({"target": [1, 2, 3]}, "does not fit"),
        ({"baselines": torch.zeros(3, 1, 8, 8)}, "baselines"),
    ],
)
def test_captum_arguments_that_do_not_fit_are_refused(arguments, message):
    arguments = {"sliding_window_shapes": (1, 3, 3), "target": 0, **arguments}
    with pytest.raises(FerError, match=message):
        saliency.Occlusion(Small()).attribute(torch.rand(2, 1, 8, 8), **arguments)


def test_the_signature_is_captums():
    for name in ("__init__", "attribute", "attribute_future"):
        ours, theirs = (getattr(kind, name) for kind in (saliency.Occlusion, Occlusion))
        assert list(inspect.signature(ours).parameters) == list(
            inspect.signature(theirs).parameters
        )
    with pytest.raises(NotImplementedError, match="not implemented for Occlusion"):
        saliency.Occlusion(Small()).attribute_future()


class Several(nn.Module):
    """Scores of two pictures, numbers (N,), a factor (N, 1) and an offset: each counts."""

    def __init__(self):
        super().__init__()
        self.looking = Small(channels=2)

    def forward(self, first, second, numbers, factor=1, offset=0.0):
        pictures = torch.cat((first, second.expand_as(first)), 1)
        return self.looking(pictures) * (numbers.sin()[:, None] * factor + offset)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("samples", [1, 3])
def test_several_inputs_and_what_else_the_net_is_given(samples, function):
    net, generator = Several(), torch.Generator().manual_seed(samples)
    sides = ((1, 5, 6), (1, 1, 6), ())
    inputs = tuple(torch.randn(samples, *side, generator=generator) for side in sides)
    factor = torch.rand(samples, 1, generator=generator)
    baselines = (torch.rand(6, generator=generator), 0.5, torch.rand(samples, generator=generator))
    options = {
        "strides": (2, (1, 1, 3), ()),
        "baselines": baselines,
        "target": list(range(samples)),
        "additional_forward_args": (factor, torch.tensor(0.25)),
    }
    asked = (lambda *given: net(*given)) if function else net
    agree(*both(asked, inputs, ((1, 2, 3), (1, 1, 4), ()), **options))


def test_whole_numbers_and_a_tuple_of_one():
    def compare(first, second):
        return (first > second).float() - 2 * second

    inputs = (torch.tensor([[-10], [3]]), torch.tensor([[-5], [1]]))
    agree(*both(compare, inputs, ((1,), (1,))))
    agree(*both(lambda x: x.float(), inputs[:1], ((1,),), baselines=(7,), target=0))


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("limit", [None, 7])
def test_pictures_go_through_the_fast_engines(monkeypatch, samples, limit):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.Flatten())
    net.append(nn.Linear(3 * 20 * 20, 4))
    inputs = torch.rand(samples, 2, 24, 24, generator=torch.Generator().manual_seed(0))
    used, run = [], dispatch.run
    monkeypatch.setattr(dispatch, "run", lambda *a, **k: used.append(run(*a, **k)) or used[-1])
    baselines = inputs.flip(-1)
    found = saliency.Occlusion(net).attribute(
        inputs, (2, 3, 3), (1, 2, 2), baselines, 1, perturbations_per_eval=limit
    )
    assert [name for name, *_ in used] == ["delta"] * samples
    expected = Occlusion(net).attribute(inputs, (2, 3, 3), (1, 2, 2), baselines, 1)
    agree(found, expected)


def test_the_limit_holds_where_the_net_runs_on_whole_inputs():
    seen = []

    def net(vectors, other):
        seen.append(len(vectors))
        return vectors.sum(1) + other

    inputs, other = torch.rand(2, 9), torch.rand(2)
    for limit in (1, 4):
        seen.clear()
        saliency.Occlusion(net).attribute(
            inputs, (2,), additional_forward_args=other, perturbations_per_eval=limit
        )
        assert max(seen) == 2 * limit


@pytest.mark.parametrize("samples", [1, 2])
def test_progress_is_told_in_captums_words(capsys, samples):
    for sides in ((1, 4, 5), (6,)):
        net = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
        inputs = torch.rand(samples, *sides)
        net(inputs)
        capsys.readouterr()
        options = {"target": 0, "show_progress": True}
        saliency.Occlusion(net).attribute(inputs, (1,) * len(sides), **options)
        said = capsys.readouterr().err
        assert "Occlusion attribution: 100%" in said and f"{inputs.numel()}/" in said


@pytest.mark.parametrize(
    "options",
    [
        {"sliding_window_shapes": ((1, 2),)},
        {"sliding_window_shapes": ((1, 2, 2), (1, 2, 2))},
        {"strides": (1, 2)},
        {"strides": 3},
        {"sliding_window_shapes": (2, 2, 2)},
    ],
)
def test_windows_that_do_not_fit_are_errors_as_captums_are(options):
    given = {"inputs": torch.rand(1, 1, 4, 4), "sliding_window_shapes": (1, 2, 2), "target": 0}
    for kind in (Occlusion, saliency.Occlusion):
        with pytest.raises(AssertionError) as caught:
            kind(Small()).attribute(**{**given, **options})
    assert isinstance(caught.value, FerError)


@pytest.mark.parametrize(
    "inputs", [(), None, torch.tensor(1.0), (torch.rand(2, 3), torch.rand(3, 3))]
)
def test_inputs_that_are_none_are_refused(inputs):
    with pytest.raises(FerError, match="with the same N"):
        saliency.Occlusion(Small()).attribute(inputs, ((1,), (1,)))
