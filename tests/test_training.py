"""The parts of a training that make it fast or show it: graphs, compiling, memory, event files."""

import copy
import dataclasses
import platform
import subprocess
import sys
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import models, train
from fer_utils.errors import FerError
from fer_utils.evaluate import predict
from fer_utils.train import cpu, cuda_graphs, loop, optim
from fer_utils.train.checkpoint import STATE
from fer_utils.train.cpu import (
    denormals_are_zero,
    flushes_denormals,
    strided_depthwise_in_float32,
)
from fer_utils.train.loop import Options, Run
from fer_utils.train.step import Step
from tests.test_train import EVERYTHING, QUICK, run, small_net, stripes, weights

CPU = torch.device("cpu")
NO_OPTIMIZER = {key: value for key, value in EVERYTHING.items() if key != "optimizer"}


def on_gpu(test):
    """Mark what needs a GPU: `pytest -m gpu` runs just that."""
    missing = not torch.cuda.is_available()
    return pytest.mark.gpu(pytest.mark.skipif(missing, reason="needs a CUDA GPU")(test))


def fake_record(work, generator):
    """Do as a CUDA graph does: recording computes nothing, a replay fills fixed gradients.

    `work` is bound to the step and its fixed places, so a replay works on what is copied there.
    """
    step = next(
        cell.cell_contents for cell in work.__closure__ if hasattr(cell.cell_contents, "net")
    )
    before = {key: value.clone() for key, value in step.net.state_dict().items()}
    sums, numbers, torchs = step.loss_sum.clone(), generator.get_state(), torch.get_rng_state()
    correct, soft = step.correct.clone(), step.soft_targets
    soft = None if soft is None else soft.clone()
    work()
    step.net.load_state_dict(before)
    step.loss_sum.copy_(sums), step.correct.copy_(correct)
    if soft is not None:
        step.soft_targets.copy_(soft)
    generator.set_state(numbers), torch.set_rng_state(torchs)
    fixed = [weight.grad for weight in step.net.parameters()]

    def replay():
        work()
        for place, weight in zip(fixed, step.net.parameters(), strict=True):
            place.copy_(weight.grad)
            weight.grad = None

    return replay


@pytest.fixture
def recordings(monkeypatch):
    """Replays of CUDA graphs on the CPU, counted; batch norm that has warmed up at once."""
    replays = []
    replay = cuda_graphs.Recording.replay

    def counted(self, *batch):
        replays.append(len(self.places[0]))
        replay(self, *batch)

    monkeypatch.setattr(cuda_graphs.Recording, "replay", counted)
    monkeypatch.setattr(cuda_graphs, "record", fake_record)
    monkeypatch.setattr(cuda_graphs, "waits_for_the_device", lambda work: work() or False)
    return replays


def trained(recipe, **options):
    """Train for the recipe's epochs; return the weights, and the epochs but for their seconds."""
    net = small_net()
    for norm in optim.batch_norms(net):
        norm.momentum = 0.5  # warmed up after two steps
    torch.manual_seed(3)
    options = Options(**{"epochs": recipe.epochs, "seed": 3, "device": CPU, **options})
    a_run = Run(net, stripes(56, 0), stripes(32, 1, "valid"), recipe, options)
    a_run.loop(None, False, lambda history: None)
    return weights(net), [{**row, "seconds": 0} for row in a_run.history.epochs]


@pytest.mark.parametrize(
    "changes",
    [{}, EVERYTHING, {"mixup": 0.4, "late": 2, "epochs": 5}, {"distil": 0.7}],
    ids=str,
)
def test_a_recorded_step_gives_the_numbers_of_the_plain_one(changes, recordings):
    recipe = dataclasses.replace(QUICK, **changes)  # three batches of 16 and one of 8
    expected = trained(recipe)
    assert not recordings
    found = trained(recipe, graphs=True)
    assert torch.equal(expected[0], found[0])
    assert expected[1] == found[1]
    assert set(recordings) == {16}
    eager = (2 + 3) if "late" not in changes else (2 + 3) + 3  # warm-up; three for each recording
    assert len(recordings) == recipe.epochs * 3 - eager


def test_a_step_that_waits_for_the_gpu_is_not_recorded(recordings, monkeypatch):
    monkeypatch.setattr(cuda_graphs, "waits_for_the_device", lambda work: work() or True)
    with pytest.warns(UserWarning, match="cannot be recorded.*waits for the GPU") as said:
        found = trained(QUICK, graphs=True)
    assert len(said) == 1 and not recordings
    assert torch.equal(found[0], trained(QUICK)[0])


def test_a_recording_that_fails_is_given_up_with_a_warning(recordings, monkeypatch):
    def fails(work, generator):
        raise RuntimeError("operation not permitted\nlong story")

    monkeypatch.setattr(cuda_graphs, "record", fails)
    with pytest.warns(UserWarning, match="kernel by kernel: operation not permitted$") as said:
        found = trained(QUICK, graphs=True)
    assert len(said) == 1 and not recordings
    assert torch.equal(found[0], trained(QUICK)[0])


def test_a_run_moves_its_net_to_its_device():
    """So nothing of it, optimizer and average included, is made from weights elsewhere."""
    net, moved = small_net(), []
    net.to = lambda device, **options: moved.append(device)
    Run(net, stripes(56, 0), stripes(32, 1), QUICK, Options(1, 0, CPU))
    assert moved == [CPU]


def test_graphs_need_a_gpu():
    with pytest.raises(FerError, match="needs a CUDA GPU"):
        run(small_net(), device="cpu", graphs=True)


def test_cudnn_searches_for_whole_batches_of_a_training_alone(monkeypatch):
    """It searches for every shape, for seconds each; a CPU keeps the switch, and does not look."""
    cudnn, seen = torch.backends.cudnn, []
    monkeypatch.setattr(cudnn, "benchmark", True)
    step = Step.__call__

    def watched(self, rows, *rest):
        seen.append((len(rows), cudnn.benchmark))
        step(self, rows, *rest)

    def validate(net, images, **options):
        seen.append(("valid", cudnn.benchmark))
        return predict(net, images, **options)

    def measure(net, images, batch):
        seen.append(("average", cudnn.benchmark))

    monkeypatch.setattr(Step, "__call__", watched)
    monkeypatch.setattr(loop, "predict", validate)
    monkeypatch.setattr(loop, "measure_batch_norm", measure)
    trained(dataclasses.replace(QUICK, epochs=1, average=0.9))
    assert seen == [*[(16, True)] * 3, (8, False), ("average", False), ("valid", False)]
    assert cudnn.benchmark


@pytest.mark.parametrize(("epochs", "search"), [(1, False), (3, True)])
def test_only_a_long_training_lets_cudnn_search(epochs, search, monkeypatch):
    asked = []

    @contextmanager
    def prepared(device, search):
        asked.append(search)
        yield

    monkeypatch.setattr(loop, "prepared", prepared)
    monkeypatch.setattr(loop, "SEARCH_FROM", 12)  # an epoch has 4 steps
    run(small_net(), epochs=epochs)
    assert asked == [search]


@on_gpu
@pytest.mark.parametrize("changes", [{}, NO_OPTIMIZER, {"mixup": 0.4}, {"distil": 0.7}], ids=str)
def test_a_cuda_graph_gives_the_numbers_of_the_plain_step(changes, monkeypatch):
    """Up to rounding: some kernels add in no fixed order.

    By SGD, since Adam takes whole steps along gradients that are nothing but rounding. On a CPU,
    noise of a millionth on the gradients changes weights by 1e-3 at most and losses by 2e-4;
    rows or gradients of an earlier batch change them by 4e-2 and 2e-1 or more.
    """
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    recipe = dataclasses.replace(QUICK, **changes, optimizer="sgd", learning_rate=0.01)
    device = torch.device("cuda")
    with warnings.catch_warnings(), torch.cuda.stream(torch.cuda.Stream()):
        warnings.simplefilter("error")
        plain = trained(recipe, device=device)
        recorded = trained(recipe, device=device, graphs=True)
    for a, b in zip(plain[1], recorded[1], strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-2)
    assert (plain[0] - recorded[0]).norm() < 1e-2 * plain[0].norm()


@on_gpu
@pytest.mark.parametrize("precision", train.PRECISIONS)
@pytest.mark.parametrize("architecture", models.names())
def test_every_network_takes_three_steps_on_a_gpu(architecture, precision):
    three_steps(architecture, precision, "cuda")


def test_three_steps_of_a_network():
    """The test of all networks on a GPU, tested itself on a CPU with the smallest."""
    three_steps("deep_emotion", "bfloat16", "cpu")


def three_steps(architecture, precision, device):
    """Train a network by its paper's recipe at its paper's size: 12 faces in batches of 4."""
    net = models.create(architecture, classes=stripes(2, 0).classes, seed=0)
    before = {name: value.clone() for name, value in net.named_parameters()}
    recipe = dataclasses.replace(train.recipe(models.paper(architecture)), batch=4, late=0)
    history = train.fit(
        *(net, stripes(12, 0), stripes(6, 1, "valid"), recipe),
        **{"epochs": 1, "device": device, "precision": precision, "progress": False},
    )
    assert history.stopped == "all 1 epochs done"
    for name, value in net.named_parameters():
        assert value.device.type == device and value.dtype == torch.float32
        assert value.isfinite().all()
        assert not torch.equal(value.cpu(), before[name]), f"{name} did not learn"


@on_gpu
def test_on_a_gpu_a_net_that_waits_is_trained_without_a_graph():
    net = small_net()
    net.register_forward_pre_hook(lambda module, inputs: inputs[0].max().item() and None)
    for norm in optim.batch_norms(net):
        norm.momentum = 0.5
    with pytest.warns(UserWarning, match="waits for the GPU"):
        history = run(net, device="cuda")
    assert history.stopped == "all 4 epochs done"


@on_gpu
def test_a_gpu_run_resumes(tmp_path):
    run(small_net(), epochs=4, out=tmp_path, device="cuda")
    history = run(small_net(), epochs=4, out=tmp_path, device="cuda")
    assert len(history.epochs) == 4
    with pytest.raises(FerError, match="another kind of device than cpu"):
        run(small_net(), epochs=4, out=tmp_path, device="cpu")


def test_a_run_goes_on_only_on_its_kind_of_device(tmp_path):
    run(small_net(), epochs=1, out=tmp_path)
    left = torch.load(tmp_path / STATE, weights_only=True)
    torch.save({**left, "cuda": torch.zeros(16, dtype=torch.uint8)}, tmp_path / STATE)
    with pytest.raises(FerError, match="another kind of device than cpu"):
        run(small_net(), epochs=1, out=tmp_path, device="cpu")


def test_compiling_begins_when_batch_norm_has_warmed_up(monkeypatch, tmp_path):
    compiled = []

    def compile(net):
        def forward(pictures):
            compiled.append(len(pictures))
            return net(pictures)

        return forward

    monkeypatch.setattr(torch, "compile", compile)
    expected, found = trained(QUICK), trained(QUICK, compile=True)
    assert torch.equal(expected[0], found[0])
    assert compiled == [16] * (4 * 3 - 2)  # two steps of warm-up; the last batch is smaller
    monkeypatch.undo()
    run(small_net(), epochs=1, out=tmp_path)
    with pytest.raises(FerError, match="another run"):
        run(small_net(), epochs=1, out=tmp_path, compile=True)


def test_a_compiled_net_learns():
    """With dynamo's own reading of the net, without the compiler behind it, which takes minutes."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    net.classes = stripes(2, 0).classes
    plain = torch.compile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", lambda net: plain(net, backend="eager"))
        history = run(net, compile=True)
    assert history.best["train_loss"] < history.epochs[0]["train_loss"]


FAULTS = """
import resource, torch
from fer_utils.train.cpu import freed_memory_kept

def faults():
    # of 64 MB taken and freed again and again; the heap may grow at first
    def once():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.zeros(2**24)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return min(once() for _ in range(20))

given_back = faults()
with freed_memory_kept():
    kept = faults()
print(given_back, kept)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_memory_that_is_freed_is_used_again():
    """What tells is how often the system had to find a page; in a process with a heap of its own.

    (The heap of this one may hold a free block of that size, left by another test.)
    """
    words = [sys.executable, "-c", FAULTS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    given_back, kept = map(int, done.stdout.split())
    assert kept * 10 < given_back


def test_denormals_are_zero_while_a_net_is_trained_and_not_afterwards(monkeypatch):
    tiny, seen = torch.full((8,), 1e-40), []
    monkeypatch.setattr(
        Run, "loop", lambda *_: seen.append((flushes_denormals(), (tiny * 1.0).sum().item()))
    )
    run(small_net(), device="cpu")
    assert seen == [(True, 0.0)]
    assert not flushes_denormals() and (tiny * 1.0).sum().item() > 0
    with pytest.raises(KeyError), denormals_are_zero():
        with denormals_are_zero():
            assert flushes_denormals()
        assert flushes_denormals()  # as it was found
        raise KeyError
    assert not flushes_denormals()


def test_depthwise_steps_stay_float32_while_a_net_is_trained_in_bfloat16(monkeypatch):
    """Gradients of such a layer take five times as long in bfloat16 on a CPU."""
    strided = nn.Conv2d(4, 4, 3, stride=2, groups=4)
    others = [nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3, stride=2)]
    net = nn.Sequential(others[0], strided, *others[1:])
    picture, kinds = torch.rand(1, 1, 32, 32), {}
    for layer in net:
        layer.register_forward_hook(lambda layer, _, out: kinds.update({layer: out.dtype}))
    expected = net(picture)
    with strided_depthwise_in_float32(net):
        assert torch.equal(net(picture), expected)
        copied = copy.deepcopy(net)
        copied[1].weight.data.zero_()  # what is computed is the copy's own layer
        assert not torch.equal(copied(picture), expected)
        with torch.autocast("cpu", torch.bfloat16):
            net(picture).sum().backward()
    assert kinds.pop(strided) == torch.float32 and strided.weight.grad.abs().sum() > 0
    assert [kinds[layer] for layer in others] == [torch.bfloat16] * 3
    assert "forward" not in vars(strided)
    net, seen = small_net(), []
    layer = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    monkeypatch.setattr(cpu, "_is_strided_depthwise", lambda module: module is layer)
    monkeypatch.setattr(Run, "loop", lambda *_: seen.append("forward" in vars(layer)))
    run(net, device="cpu")
    assert seen == [True] and "forward" not in vars(layer)


def read_scalars(folder) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_event_files_hold_every_epoch(tmp_path):
    history = run(small_net(), epochs=2, on_epoch=train.tensorboard(tmp_path))
    found = read_scalars(tmp_path)
    rows = {
        *("loss/train", "loss/valid", "accuracy/train", "accuracy/valid", "learning rate"),
    }
    assert set(found) == rows
    expected = [(row["epoch"], np.float32(row["valid_loss"])) for row in history.epochs]
    assert found["loss/valid"] == expected


def test_without_tensorboard_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(FerError, match="pip install tensorboard"):
        train.tensorboard(tmp_path)
