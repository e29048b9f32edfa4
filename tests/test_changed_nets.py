"""A map is of the net as it is: random nets, changed at random between two maps.

Every net is a program of its own: its forward pass reads a random choice of all that Python lets it
read. After each change the map must be that of a plain loop over the net as it is now.
"""

import contextlib
import random
import re
import types
import warnings
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as nn_module
from torch.overrides import TorchFunctionMode

from fer_utils import models, saliency
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.models.answers import dtype_of
from fer_utils.widgets import occlusion_explorer

SQUARE = {"window": 5, "stride": 3}
VALUES = (0.25, 0.5, 2.0, 3.0, -1.0, -2.0)

# What a forward pass can read: how it gets there, how it is read, how it is changed; V is a value.
READINGS = {
    "float": ("self.gain = V", "y = y * self.gain", "net.gain = V"),
    "flag": ("self.flag = False", "y = -y if self.flag else y", "net.flag = not net.flag"),
    "word": ("self.word = 'relu'", "y = getattr(torch, self.word)(y)", "net.word = 'tanh'"),
    "list": ("self.list = [V, V]", "y = y + self.list[1]", "net.list[1] = V"),
    "dict": ("self.dict = {'a': (V,)}", "y = y * self.dict['a'][0]", "net.dict['a'] = (V,)"),
    "deep": ("self.deep = [{'a': [V]}]", "y = y - self.deep[0]['a'][0]", "net.deep[0]['a'][0] = V"),
    "object": ("self.object = Box(V)", "y = y * self.object.value", "net.object.value = V"),
    "record": ("self.record = Record(V)", "y = y * self.record.twice()", "net.record.value = V"),
    "array": ("self.array = np.ones(3)", "y = y * float(self.array[1])", "net.array[1] = V"),
    "tensor": ("self.tensor = torch.ones(1)", "y = y * self.tensor", "net.tensor.fill_(V)"),
    "view": (
        "self.array2 = np.ones(1, np.float32); self.view = torch.from_numpy(self.array2)",
        "y = y + self.view",
        "net.array2[0] = V",
    ),
    "buffer": ("self.register_buffer('b', torch.ones(1))", "y = y + self.b", "net.b.data.fill_(V)"),
    "class value": ("pass", "y = y * self.SCALE", "type(net).SCALE = V"),
    "property": ("pass", "y = y * self.level", "type(net).level = property(lambda self: V)"),
    "method": ("pass", "y = self.step(y)", "type(net).step = lambda self, y: y * V"),
    "static": ("pass", "y = self.fixed(y)", "type(net).fixed = staticmethod(lambda y: y * V)"),
    "own method": ("pass", "y = self.step(y)", "net.step = lambda y: y * V"),
    "function": ("self.act = torch.tanh", "y = self.act(y)", "net.act = lambda y: y * V"),
    "partial": (
        "self.part = partial(torch.mul, other=V)",
        "y = self.part(y)",
        "net.part = partial(torch.mul, other=V)",
    ),
    "default": ("pass", "y = shifted(y)", "shifted.__defaults__ = (V,)"),
    "closure": ("self.inner = make(V)", "y = self.inner(y)", "net.inner.change(V)"),
    "global": ("pass", "y = y * GAIN", "globals()['GAIN'] = V"),
    "global list": ("pass", "y = y + LEVELS[0]", "LEVELS[0] = V"),
    "global function": ("pass", "y = bent(y)", "globals()['bent'] = lambda y: y * V"),
    "global of a function": ("pass", "y = bent(y)", "globals()['BEND'] = V"),
    "global class": ("pass", "y = y * Box.common", "Box.common = V"),
    "other module": ("pass", "y = y * other.LEVEL", "other.LEVEL = V"),
    "layer in a list": (
        "self.layers = [nn.Identity()]",
        "y = self.layers[0].to(y.dtype)(y)",
        "net.layers[0] = nn.Conv2d(y_channels, y_channels, 1)",
    ),
}

PROGRAM = """
from dataclasses import dataclass
from functools import partial

GAIN, LEVELS, BEND = 1.5, [0.5], 0.75

class Box:
    common = 1.25
    def __init__(self, value): self.value = value

@dataclass
class Record:
    value: float
    def twice(self): return 2 * self.value

def shifted(y, by=0.5): return y + by

def bent(y): return y * BEND

def make(value):
    def inner(y): return y * value
    def change(new):
        nonlocal value
        value = new
    inner.change = change
    return inner

class Net(nn.Module):
    SCALE = 1.5
    level = property(lambda self: 0.75)
    step = lambda self, y: y + 0.5
    fixed = staticmethod(lambda y: y - 0.25)

    def __init__(self):
        super().__init__()
        self.front = front
        self.head = nn.Linear(y_channels, 3)
        INIT

    def forward(self, x):
        y = self.front(x)
        READ
        y = y.mean((2, 3))
        return self.head(3 * y / (1 + y.abs()))
"""


def front(draw):
    """Return random layers from a picture of one channel to maps, and their channels."""
    layers, width = [], 1
    for _ in range(draw.randint(1, 2)):
        wide = draw.choice((2, 4, 32))  # of so many, convolutions take fewer products
        layers.append(nn.Conv2d(width, wide, 3, draw.choice((1, 1, 2)), draw.choice((0, 1))))
        if draw.random() < 0.7:
            layers.append(nn.BatchNorm2d(wide))
            nn.init.uniform_(layers[-1].running_var, 0.5, 2)
        layers.append(draw.choice((nn.ReLU, nn.Tanh, nn.Sigmoid, nn.ReLU6))())
        width = wide
    return nn.Sequential(*layers), width


class Case:
    """A net with what may be changed of it; `change(draw)` does one of that and says what."""

    def __init__(self, draw):
        kind = draw.random()
        self.size, self.readings, self.space = 13, (), {}
        if kind < 0.15:
            self.size = 20
            self.net = models.create("mini_xception", input_size=20, seed=draw.randint(0, 99))
        else:
            layers, width = front(draw)
            count = draw.randint(2, 7) if kind > 0.3 else 0
            self.readings = draw.sample(sorted(READINGS), count)
            self.space = self._program(draw, layers, width)
            if count:
                self.net = self.space["Net"]()
            else:
                head = nn.Linear(width, 3)
                self.net = nn.Sequential(layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
        self.net.train(draw.random() < 0.3)
        self.hooks = []

    def _program(self, draw, layers, width):
        other = types.ModuleType("other")
        other.LEVEL = 1.5
        space = {"__name__": "somebodys", "nn": nn, "torch": torch, "np": np, "other": other}
        space |= {"front": layers, "y_channels": width}
        steps = [READINGS[name] for name in self.readings]
        for word, i in (("INIT", 0), ("READ", 1)):
            lines = [valued(step[i], draw) for step in steps] or ["pass"]
            space[word] = "\n        ".join(lines)
        code = PROGRAM.replace("INIT", space.pop("INIT")).replace("READ", space.pop("READ"))
        exec(code, space)
        return space

    def change(self, draw):
        """Change the net by itself, or return what to do around both maps."""
        name = draw.choice(sorted({*CHANGES, *AROUND}) + [*self.readings] * 3)
        if name in AROUND:
            return name, AROUND[name]
        if name in READINGS:
            exec(valued(READINGS[name][2], draw), self.space, {"net": self.net})
        else:
            CHANGES[name](self, draw)
        return name, contextlib.nullcontext


def valued(code, draw):
    """Put values in the place of V."""
    return re.sub(r"\bV\b", lambda _: str(draw.choice(VALUES)), code)


def some(case, draw, *kinds):
    return draw.choice([m for m in case.net.modules() if isinstance(m, kinds or nn.Module)])


def rescaled(weight, draw):
    weight.data.mul_(draw.choice(VALUES))


def hooked(case, draw, how):
    by = draw.choice(VALUES)
    module = some(case, draw, nn.Conv2d, nn.Linear, nn.Sequential)
    act = {
        "register_forward_hook": lambda module, args, output: by * output,
        "register_forward_pre_hook": lambda module, args: (by * args[0],),
        "register_full_backward_hook": lambda module, given, output: None,
    }
    case.hooks.append(getattr(module, how)(act[how]))


def unhooked(case, draw):
    if case.hooks:
        case.hooks.pop(draw.randrange(len(case.hooks))).remove()


def another_forward(case, draw):
    module, by = some(case, draw, nn.Conv2d, nn.Linear), draw.choice(VALUES)
    forward = type(module).forward
    module.forward = lambda x: by * forward(module, x)


def own_forward_gone(case, draw):
    for module in case.net.modules():
        vars(module).pop("forward", None)


def another_layer(case, draw):
    for module in case.net.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU | nn.Tanh | nn.Sigmoid | nn.ReLU6):
                setattr(module, name, draw.choice((nn.ReLU, nn.Tanh, nn.Sigmoid))())


def another_class(case, draw):
    """Give a layer a class whose forward pass is another; it is one more class each time."""
    module, by = some(case, draw, nn.Conv2d, nn.Linear), draw.choice(VALUES)
    kind = type(module)
    forward = lambda self, x: by * kind.forward(self, x)  # noqa: E731
    module.__class__ = type("Bent", (kind,), {"forward": forward})


class Doubled(nn.Module):
    """A parametrization."""

    def forward(self, weight):
        return 2 * weight


def parametrized(case, draw):
    module = some(case, draw, nn.Conv2d)
    nn.utils.parametrize.register_parametrization(module, "weight", Doubled())


def numbers_by_numpy(case, draw):
    draw.choice(list(case.net.parameters())).detach().numpy()[...] *= draw.choice(VALUES)


def swapped(case, draw):
    weight = some(case, draw, nn.Conv2d, nn.Linear).weight
    weight.data = weight.data.flip(draw.randrange(weight.ndim)).clone()


def statistics(case, draw):
    for module in case.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.data.normal_()


def another_setting(case, draw):
    for module in case.net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = draw.choice((1e-5, 0.5, 2.0))


# Changes of any net.
CHANGES = {
    "hook": lambda case, draw: hooked(case, draw, "register_forward_hook"),
    "pre-hook": lambda case, draw: hooked(case, draw, "register_forward_pre_hook"),
    "backward hook": lambda case, draw: hooked(case, draw, "register_full_backward_hook"),
    "hook gone": unhooked,
    "forward": another_forward,
    "forward gone": own_forward_gone,
    "layer": another_layer,
    "class": another_class,
    "weight": lambda case, draw: rescaled(draw.choice(list(case.net.parameters())), draw),
    "weight by numpy": numbers_by_numpy,
    "weight swapped": swapped,
    "statistics": statistics,
    "setting": another_setting,
    "parametrization": parametrized,
    "mode": lambda case, draw: some(case, draw).train(draw.random() < 0.5),
    "precision": lambda case, draw: draw.choice((case.net.float, case.net.double))(),
}


@contextlib.contextmanager
def around_every_call():
    hook = nn_module.register_module_forward_hook(
        lambda module, args, output: -output if isinstance(module, nn.Linear) else None
    )
    try:
        yield
    finally:
        hook.remove()


class Negated(TorchFunctionMode):
    """Turns what every linear layer gives."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = function(*args, **(kwargs or {}))
        return -output if function is F.linear else output


def patched(owner, name, sign=-1):
    before = getattr(owner, name)
    return lambda: mock.patch.object(owner, name, lambda *a, **k: sign * before(*a, **k))


# What may be around a net while its map is made.
AROUND = {
    "global hook": around_every_call,
    "mode of torch": Negated,
    "class's forward": patched(nn.Linear, "forward"),
    "function of torch": patched(F, "linear"),
    "class's helper": patched(nn.Conv2d, "_conv_forward"),
}


def by_loop(net, picture):
    """Return what a plain loop finds: the probabilities of the picture, and under each square."""
    modes = {module: module.training for module in net.modules()}
    picture = picture.to(dtype_of(net))[None]
    windows = saliency.Windows(tuple(picture.shape[-2:]), (5, 5), (3, 3))
    covered = [picture]
    for row, column in np.ndindex(*windows.counts):
        (top, bottom), (left, right) = windows.box(row, column)
        covered.append(picture.clone())
        covered[-1][..., top:bottom, left:right] = 0
    net.eval()
    with torch.no_grad():
        scores = torch.cat([net(one).softmax(1) for one in covered]).float().numpy()
    for module, training in modes.items():
        module.training = training
    return scores[0], scores[1:]


def by_us(net, picture, draw):
    """Return the same from one of our maps; an engine may refuse the net."""
    engine = draw.choice(("auto", "auto", "batched", "delta", "fused", "coarse"))
    if engine == "coarse":
        return list(saliency.coarse_to_fine(net, picture, **SQUARE))[-1]
    try:
        return saliency.occlusion(net, picture, engine=engine, **SQUARE)
    except FerError as reason:
        assert "does not suit" in str(reason)
        return saliency.occlusion(net, picture, **SQUARE)


def follow(nets, changes, seed):
    """Change nets one by one, and compare after each; return how often each change had effect."""
    seen = {}
    for number in range(nets):
        draw = random.Random(f"{seed} {number}")
        torch.manual_seed(number)
        case = Case(draw)
        picture = torch.rand(1, case.size, case.size)
        assert_same(by_us(case.net, picture, draw), *by_loop(case.net, picture), "as made")
        before = by_loop(case.net, picture)[1]
        done = ["as made"]
        for _ in range(changes):
            name, around = case.change(draw)
            done.append(name)
            with around(), warnings.catch_warnings():
                # only where torch itself was changed may an engine be found out by its check
                found_out = "function of torch" in done or name == "class's helper"
                warnings.simplefilter("ignore" if found_out else "error", UserWarning)
                now = by_loop(case.net, picture)
                told = f"net {number} of seed {seed} after {done[-3:]}, reading {case.readings}"
                assert_same(by_us(case.net, picture, draw), *now, told)
            count, effect = seen.get(name, (0, 0))
            seen[name] = (count + 1, effect + bool(np.abs(now[1] - before).max() > 1e-3))
            before = now[1]
    return seen


def assert_same(found, clean, covered, told):
    np.testing.assert_allclose(found.clean, clean, atol=2e-5, err_msg=told)
    probabilities = found.probabilities.reshape(covered.shape)
    np.testing.assert_allclose(probabilities, covered, atol=2e-5, err_msg=told)


def test_a_map_is_of_the_net_as_it_is():
    effects = follow(nets=8, changes=12, seed=0)
    assert sum(effect for _, effect in effects.values()) > 50
    assert len(effects) > 25


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
def test_maps_after_40000_changes(seed):
    # of many nets, since one that was changed very often says the same of every picture
    effects = follow(nets=334, changes=12, seed=f"long {seed}")
    assert {*CHANGES, *AROUND} <= {*effects}


@pytest.mark.parametrize("seed", range(2))
def test_an_explorer_shows_the_net_as_it_is(seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    case = Case(draw)
    images = (255 * torch.rand(2, 1, case.size, case.size)).byte().numpy()
    faces = FaceSet("noise", images, np.arange(2), ("a", "b", "c"), np.full(2, "test"))
    explorer = occlusion_explorer(faces, {"net": case.net})
    explorer.window.value, explorer.stride.value = 5, 3
    for step in range(8):
        name, around = case.change(draw)
        if name == "mode of torch":
            continue  # is of the thread that sets it
        with around(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            explorer._slow = step % 2  # every other time coarse maps come first
            explorer.fill.value = "mean"
            explorer.fill.value = "black"
            explorer.wait()
            clean, covered = by_loop(case.net, torch.from_numpy(images[0]).float() / 255)
        assert not explorer.message.value
        frame = explorer.view.frame
        found = np.frombuffer(frame["table"], np.float32).reshape(covered.shape)
        np.testing.assert_allclose(found, covered, atol=2e-5, err_msg=name)
        np.testing.assert_allclose(np.frombuffer(frame["clean"], np.float32), clean, atol=2e-5)


class Together(nn.Module):
    """Its answer to a picture depends on the other pictures of the batch, or on chance."""

    def __init__(self, how):
        super().__init__()
        self.conv, self.head, self.how = nn.Conv2d(1, 4, 3), nn.Linear(4, 3), how
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x):
        y = self.conv(x)
        if self.how == "norm":
            y = self.norm(y)
        if self.how == "mean":
            y = y - y.mean(0)
        if self.how == "noise":
            y = y + torch.randn_like(y)
        if self.how == "dropout":
            y = F.dropout(y, 0.5, training=True)
        return self.head(y.relu().mean((2, 3)))


@pytest.mark.parametrize("engine", ["auto", "batched"])
@pytest.mark.parametrize("how", ["norm", "mean", "noise", "dropout"])
def test_a_net_that_answers_by_batch_or_chance_is_warned_of(how, engine):
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="not always the same"):
        saliency.occlusion(Together(how), torch.rand(1, 13, 13), engine=engine, **SQUARE)


def test_what_a_net_remembers_of_a_map_is_the_users():
    class Remembering(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(169, 3)

        def forward(self, x):
            self.last = x.flatten(1)
            return self.head(self.last)

    net = Remembering()
    for engine in ("auto", "batched", "delta"):
        with contextlib.suppress(FerError):
            saliency.occlusion(net, torch.rand(1, 13, 13), engine=engine, **SQUARE)
        net.head(net.last).sum().backward()  # refused for what was made in inference mode


def test_a_net_trained_meanwhile_stays_in_its_mode():
    net, modes = Together("none").eval(), []
    net.register_forward_pre_hook(lambda module, args: modes.append(module.training))

    def progress(done, total):
        net.train()  # as another cell does while an explorer draws

    saliency.occlusion(net, torch.rand(1, 13, 13), progress=progress, **SQUARE)
    assert net.training and False in modes
