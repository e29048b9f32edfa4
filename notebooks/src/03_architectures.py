# %% [markdown]
# # The architectures of five papers
#
# **You will be able to**
#
# - draw the nets of five papers, and say where each keeps its weights and where it does its work;
# - write a depthwise-separable convolution and an inverted bottleneck by hand, and count them;
# - check every published number of parameters, and say by which convention it was counted;
# - measure what a unit sees, and what a spatial transformer does to a face.
#
# **Read first:** [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb): what a convolution
# is. The papers are alessi2019, borgalli2022, mazen2021, minaee2019 and pandey2019.
#
# **Time:** about 60 minutes to read and run on a laptop CPU, 65 more for the exercises.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Here we also need numpy, torch and matplotlib themselves, the published numbers (`papers`), and
# the module that takes networks apart (`summary`).

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from fer_utils import papers
from fer_utils.models import summary

# %% [markdown]
# ## Nine networks in pictures
#
# `models.create` builds every network of the five papers by name. `meta` is a device without
# memory: a net on it has layers and shapes but no numbers. That is enough to draw and to count.

# %%
def on_meta(name, **options):
    with torch.device("meta"):
        return models.create(name, **options)

# %% [markdown]
# Their names, and the papers they are taken from. (`models.names()` has one more, `small_resnet`:
# the kit's own, in no paper.)

# %%
names = [name for name in models.names() if name != "small_resnet"]
for name in names:
    print(f"{name:20} {models.paper(name)}")

# %% [markdown]
# The three small families first. One box is one layer with weights. Its height is the side of the
# map that it puts out (the number above), its width the root of the number of channels (the number
# below); each row has its own horizontal scale. Hollow boxes lie on a shortcut beside the main
# path. The words under the brackets are the names of the parts in `net.trunk`. Nobody drew this by
# hand: the figure is made from the networks.
#
# **Predict.** The 0.65 M net keeps widening and narrowing. Where are its boxes widest in each
# block: before, in, or after the depthwise layer?
#
# **Run** the cell.

# %%
small = ["mini_xception", "bottleneck_065m", "deep_emotion"]
plots.show(plots.architectures([on_meta(name) for name in small]))

# %% [markdown]
# **Interpret.** In and just before it: each block of `bottleneck_065m` widens by a factor of six,
# filters, and narrows again. An ordinary bottleneck is narrow in the middle; this one is
# *inverted*. mini-Xception alternates depthwise and 1x1 layers in the same way but does not narrow.
# Deep-Emotion has two networks: `transformer` looks at the face and ends in six numbers, `features`
# and `head` see what these six numbers cut out.
#
# The larger families are made of plain 3x3 convolutions, all but the last. `vgg_face` is left out:
# it is `vgg16_gap` with another head. InceptionResNetV2 has more than 200 convolutions, so each of
# its blocks is one box.

# %%
large = ["vgg13", "light_vgg", "custom_kdef", "vgg16_gap", "inception_resnet_v2"]
plots.show(plots.architectures([on_meta(name) for name in large]))

# %% [markdown]
# **Predict.** Which of the nine has the most parameters? Is it also the one with the most work,
# that is, the most multiply-accumulate operations (MACs) for one face?
#
# **Run** the cells: first the numbers, then each network as a dot.

# %%
nets = {name: on_meta(name) for name in names}
parameters = {name: models.count(net) for name, net in nets.items()}
macs = {name: sum(row["MACs"] for row in summary.layers(net)) for name, net in nets.items()}

# %% [markdown]
# Both axes are logarithmic. On a dotted line every weight is used equally often for one face.

# %%
figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
for uses in (1, 10, 100, 1000):
    x = 2e8 if uses < 1000 else 4e5
    ax.plot([3e4, 1e9], [3e4 * uses, 1e9 * uses], ":", color="#8c8c8c", lw=1)
    ax.text(x, 1.15 * x * uses, f"each weight {uses:,} x", size=8, rotation=27,
            rotation_mode="anchor", color="#6b6b6b")
for name in nets:
    ax.plot(parameters[name], macs[name], "o", color="#20457c")
    below = -13 if name in ("vgg16_gap", "deep_emotion") else 6
    ax.annotate(name, (parameters[name], macs[name]), (6, below), textcoords="offset points")
ax.set(xscale="log", yscale="log", xlim=(3e4, 1e9), ylim=(1e6, 8e10))
ax.set(xlabel="parameters", ylabel="MACs for one face")
plots.show(figure, alt="Nine networks as dots, parameters against MACs, logarithmic. The most "
           "parameters: custom_kdef; the most MACs: the two VGG16 nets.")

# %% [markdown]
# **Interpret.** No. `custom_kdef` has the most parameters, the two nets built on VGG16 do about
# fifteen times its work with a sixth of its weights. The picture shows no single line: a
# convolution uses each of its weights once per pixel of its output, a fully connected layer uses
# each weight once. So "small network" may mean small on disk or small in work. Say which.
#
# `models.describe` is a table of the layers. Here is `custom_kdef`, the "custom CNN of five layers" of
# borgalli2022:

# %%
models.describe("custom_kdef")

# %% [markdown]
# One layer, `head.1`, holds 99.98 % of the weights, because the two convolutions before it end in a
# map of 64 x 110 x 110 that is flattened as it is. The paper's other nets halve the map more often,
# or take its mean.
#
# ## A convolution in two steps
#
# A convolution layer has N filters. Each looks at a window S pixels wide and S high in **all** D
# channels that come in: S x S x D x N weights. (A filter is not a flat grid but a block.)
#
# A depthwise-separable convolution splits the job. First every channel gets its own flat filter
# (depthwise: S x S x D weights, no mixing of channels). Then N filters of 1 x 1 mix the channels at
# each pixel (pointwise: D x N weights). pandey2019 gives the ratio of the two counts:
#
# $$\frac{S^2 D + D N}{S^2 D N} = \frac{1}{N} + \frac{1}{S^2}$$
#
# Both steps by hand: the first with loops over the nine places of a filter, the second as one sum
# over the channels at every pixel.

# %%
def depthwise(x, filters):
    height, width = x.shape[1:]
    padded, out = F.pad(x, (1, 1, 1, 1)), torch.zeros_like(x)
    for i in range(3):
        for j in range(3):
            out += filters[:, 0, i, j, None, None] * padded[:, i : i + height, j : j + width]
    return out


def pointwise(x, filters):
    return torch.einsum("nc,chw->nhw", filters[:, :, 0, 0], x)

# %% [markdown]
# And the kit's layer beside them, with its own weights:

# %%
from fer_utils.models.layers import SeparableConv2d

layer, x = SeparableConv2d(3, 5), torch.rand(1, 3, 6, 6)
first, second = (step.weight.detach() for step in layer)
by_hand = pointwise(depthwise(x[0], first), second)
print("the same numbers:", torch.allclose(by_hand, layer(x)[0], atol=1e-6))

# %% [markdown]
# Is the formula right, and for the work as well? The next function measures both: parameters are
# counted, MACs are noted by torch while a map of 24 x 24 runs through the layer (it counts
# multiplications and additions apart, hence the half).

# %%
from torch.utils.flop_counter import FlopCounterMode


def measure(layer):
    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, 32, 24, 24))
    return np.array([models.count(layer), counter.get_total_flops() // 2])

# %% [markdown]
# **Predict.** With more and more filters N, does the share that is left go to zero?
#
# **Run** the cell.

# %%
print("  N   full conv   separable   weights left   MACs left   1/N + 1/S^2")
for N in (8, 16, 32, 64, 128, 256):
    full = measure(torch.nn.Conv2d(32, N, 3, padding=1, bias=False))
    two_steps = measure(SeparableConv2d(32, N))
    weights, work = two_steps / full
    print(f"{N:3} {full[0]:11,} {two_steps[0]:11,} {weights:14.3f} {work:11.3f} {1/N + 1/9:13.3f}")

# %% [markdown]
# **Interpret.** Formula, weights and MACs agree in every row. The share does not go to zero: it
# stops at $1/S^2$, one ninth for a 3 x 3 filter, because the pointwise step still needs D x N
# weights. What is given up is freedom: all N filters must share the same D flat filters.
#
# The **time** does not shrink by the same factor. A depthwise layer does little with each number
# that it fetches, so fetching, not multiplying, sets its pace. MACs promise; only a clock knows.
#
# ## Two small networks, counted by hand
#
# mini-Xception has a stem of two ordinary convolutions, four **residual modules** (N = 16, 32, 64,
# 128 filters, each halves the picture), one convolution to the classes, and the mean over all
# positions. This is one module:

# %%
main = ["separable\nconv, N", "BN, ReLU", "separable\nconv, N", "BN", "max-pool\n3 / 2"]
residual = ["conv 1x1\nstride 2, N", "BN"]
plots.show(plots.blocks(["D x H x W"], [main, residual], "add", ["N x H/2\nx W/2"]))

# %% [markdown]
# The lower path is nearly a straight wire, so gradients reach the early layers easily. BN is batch
# normalisation: it brings each channel to mean 0 and variance 1 over the batch, then multiplies by
# one learned number and adds another. At evaluation it uses a running mean and variance instead.
#
# **Predict.** Keras reports 58,423 parameters for this network, torch 56,951. It is the same
# network with the same answers. Which numbers does Keras count that torch leaves out?
#
# **Run** the cells. First one line for each kind of layer, then the sum (`d -> n` is a module with
# d channels in and n out).

# %%
def conv(size, d, n):
    return size * size * d * n


def separable(d, n):
    return 9 * d + d * n


def norm(n):
    return 2 * n  # scale and shift

# %% [markdown]
# The sum:

# %%
parts = {"stem": conv(3, 1, 8) + norm(8) + conv(3, 8, 8) + norm(8)}
for d, n in ((8, 16), (16, 32), (32, 64), (64, 128)):
    two = separable(d, n) + norm(n) + separable(n, n) + norm(n)
    parts[f"module {d} -> {n}"] = two + conv(1, d, n) + norm(n)
parts["head"] = conv(3, 128, 7) + 7
running = 2 * (8 + 8 + 3 * (16 + 32 + 64 + 128))  # a mean and a variance per channel
for name, number in parts.items():
    print(f"{name:16} {number:7,}")
print(sum(parts.values()), "+", running, "=", sum(parts.values()) + running)

# %% [markdown]
# **Interpret.** Keras counts the running mean and variance of batch normalisation as parameters
# ("non-trainable"), torch keeps them as buffers: 1,472 numbers. Neither is wrong, but a paper
# should say which it means.
#
# Now the **inverted bottleneck** of the 0.65 M net (pandey2019, Table III), from MobileNetV2: c
# channels are widened to 6c by a 1x1 convolution, filtered by a depthwise one, narrowed to c' by
# another 1x1. After the first two comes ReLU6, which cuts at 0 and at 6; after the last nothing, so
# that the few channels lose nothing more.

# %%
wide = ["expand\n1x1, 6c", "BN\nReLU6", "depthwise\n3x3, 6c", "BN\nReLU6", "project\n1x1, c'", "BN"]
plots.show(plots.blocks(["c x H x W"], [wide, []], "add\nif c = c'", ["c' x H x W"]))

# %% [markdown]
# By hand, with the two functions from above. (Batch norm of a new net has mean 0 and variance 1:
# all it does is divide by the root of 1 + 0.001, Keras's guard against a division by zero.)

# %%
from fer_utils.models.bottleneck import InvertedBottleneck

block, x = InvertedBottleneck(4, 4, stride=1).eval(), torch.rand(4, 8, 8)
expand, filters, project = (block.layers[i].weight.detach() for i in (0, 3, 6))
BN = 1.001**-0.5
inner = (BN * pointwise(x, expand)).clamp(0, 6)
inner = (BN * depthwise(inner, filters)).clamp(0, 6)
by_hand = x + BN * pointwise(inner, project)
print("the same numbers:", torch.allclose(by_hand, block(x[None])[0], atol=1e-6))

# %% [markdown]
# Its weights: expand c x 6c, depthwise 9 x 6c, project 6c x c', together $6c^2 + 54c + 6cc'$.
# Table III of the paper lists every row.
#
# **Predict.** Most of the 16 rows are such blocks. How many of them will the formula reproduce to
# the unit?
#
# **Run** the cell.

# %%
c, total = 1, 0
print("layer        c   c'   by hand  Table III")
for row, (kind, published, out) in enumerate(papers.TABLE_III):
    block = 6 * c**2 + 54 * c + 6 * c * out
    by_hand = {"conv2d": 9 * c * out + out, "avg_pool": 0, "bottleneck": block}[kind]
    if row == 15:
        by_hand = c * out  # the last convolution is 1x1, without bias
    tick = "✓" if by_hand == published else "✗"
    print(f"{kind:10} {c:3} {out:4} {by_hand:9,} {published:10,} {tick}")
    c, total = out, total + by_hand
print("together", total)

# %% [markdown]
# **Interpret.** All of them. So we know how the authors counted: weights, the biases of the first
# two layers, and **no batch norm**. No text of the paper says so; the sum does.
#
# ## Every published count
#
# That makes three conventions: what is trained (torch), everything including running statistics
# (Keras), everything but batch norm. `models.count` knows them, and which one each paper uses: for
# these three nets it is Keras's, the one without batch norm, and Keras's again. (Most other nets
# here have no batch norm, and one number.)

# %%
ways = ("torch", "keras", "no batch norm")
print(f"{'':20}" + "".join(f"{way:>15}" for way in ways))
for name, classes in (("mini_xception", 7), ("bottleneck_065m", 8), ("inception_resnet_v2", 7)):
    counts = [models.count(on_meta(name, num_classes=classes), way) for way in ways]
    print(f"{name:20}" + "".join(f"{number:15,}" for number in counts))

# %% [markdown]
# **Predict.** Seventeen counts can be checked. How many nets, built from the description, match to
# the unit: about half, nearly all, or all?
#
# **Run** the cell. It is the table of `python -m fer_utils models`, one published number per row; a
# star means that the text prints a shorter number, or none, and the layout gives the rest.

# %%
table, notes = models.audit()
print((table["match"] == "yes").sum(), "of", len(table), "match")
table

# %% [markdown]
# **Interpret.** All but two. An extra input channel costs only the first layer, 9 weights for each
# of its filters: 64 x 9 = 576 in VGG13, 48 x 9 = 432 in the 0.65 M net. That is why the
# concatenated variants are "the same size".
#
# The two rows marked (1) are the **parallel** ones, for which pandey2019 lists 0.65 million as
# well. Look inside:

# %%
parallel = on_meta("bottleneck_065m", num_classes=8, inputs="gray+laplacian", fusion="parallel")
for kind, stream in parallel.trunk.streams.items():
    print(f"{kind:10} {models.count(stream, 'no batch norm'):9,}")
print(f"together   {models.count(parallel, 'paper'):9,}")

# %% [markdown]
# Each stream is a whole network. The paper may have counted one of them, or may have built
# something narrower that it does not describe; we cannot know, so the table says no.
#
# **Predict.** Table I of pandey2019 climbs from 83.16 % to 88.16 % on KDEF. Do the six networks
# have the same number of parameters?
#
# **Run** the cell. `models.from_claim` builds the network of a published row: "STL" is a
# spatial transformer before each stream (`stl=True`), "+" another stream (`fusion="parallel"`).

# %%
for claim in papers.claims("pandey2019:I"):
    with torch.device("meta"):
        net = models.from_claim(claim.key)
    print(f"{claim.value:.2f} %  {models.count(net, 'keras'):8,}  {claim.row}")

# %% [markdown]
# **Interpret.** No: the last has more than four times the weights of the first. A better score may
# come from the gradient and the Laplacian, or from three networks voting. The table cannot tell,
# and it is one run each on 980 pictures: five points are 49 faces. The comparison at equal size is
# in [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb).
#
# KDEF must be asked for. On `facs3d`, where everybody can train them, the same six networks were
# given three runs each, of a short recipe (the first lines of the table say which).
#
# **Predict.** Will the last row win again? And how far apart do the three runs of one row lie?
#
# **Run** the cell: a dot per run, a bar at the mean.

# %%
from pathlib import Path

table = Path("../figures/table_one.csv")
print(*(line for line in table.read_text().splitlines() if line.startswith("#")), sep="\n")
found = {}
for run in plots.read_table(table):
    found.setdefault(run["arm"], []).append(100 * int(run["correct"]) / int(run["n"]))
plots.show(plots.dots(found, xlabel="accuracy on facs3d's test faces, %"))

# %% [markdown]
# **Interpret.** Five points up, as in the paper? No row is that far above the first, and the
# largest network is not above the smallest. One run of "STL with RTNN + Gradient RTNN" has 58.5 %.
# Nothing but its seed differs. A transformer can do that: if it asks for a crop far wider than the
# picture, its network sees a point in the dark, and from black pixels no gradient leads back. Who had
# trained once, with that seed, would have published that gradients harm; with seed 0, that they help.
#
# The drawn faces are another, easier data set, so this says nothing about 88.16 % on KDEF. It says
# what one run can be worth.
#
# **Predict.** The largest net has 99,143,494 parameters of four bytes each. How much memory did the
# table need for it?
#
# **Run** the cell.

# %%
net = on_meta("custom_kdef", num_classes=6)
print(f"{models.count(net):,} parameters would take {4 * models.count(net) / 1e6:.0f} MB")
print(net.trunk.head[1].weight)
print("tensors with an address:", sum(p.data_ptr() != 0 for p in net.parameters()))
print("scores:", net.trunk(torch.zeros(2, *net.input_shape, device="meta")).shape)

# %% [markdown]
# **Interpret.** None. A tensor on `meta` knows its shape but holds no numbers, so there is nothing
# between the brackets. Shapes still travel through the layers: two pictures in, two times six
# scores out. Nothing can be *asked* of such a net; to count it, nothing more is needed.
#
# ## What a unit can see
#
# The receptive field of a unit is the square of pixels that can change it. Layer by layer, a kernel
# of size k widens it by (k - 1) x jump, where the jump (how many pixels lie between two neighbours)
# is multiplied by each stride.
#
# **Predict.** How wide is the field of one unit after mini-Xception's fourth module: 9 pixels
# (three 3 x 3 layers), about 40, or more than the whole picture?
#
# **Run** the cell. The last column is what `models.describe` says.

# %%
field, jump = 1, 1
stages = {"stem": [(3, 1), (3, 1)]}
stages |= {f"blocks.{i}": [(3, 1), (3, 1), (3, 2)] for i in range(4)}
rows = summary.layers(nets["mini_xception"])
for name, windows in stages.items():
    for kernel, stride in windows:
        field, jump = field + (kernel - 1) * jump, jump * stride
    said = max(row["sees"] for row in rows if row["layer"].startswith(name))
    print(f"{name:9} field {field:3} pixels, jump {jump:2}; describe: {said:3}")

# %% [markdown]
# **Interpret.** Stride is what widens the field: the last module adds as much as all before it
# together. After it the field is twice as wide as a 48-pixel face, so those units can use
# everything.
#
# "Can see" may be measured. The gradient of one unit with respect to the picture is zero exactly at
# the pixels that cannot change it. The function catches a stage's maps, takes the unit in the
# middle, sums over its channels, and averages the absolute gradient over 16 pictures of noise.

# %%
def gradient_of_middle(net, stage):
    caught, noise = [], torch.randn(16, *net.input_shape).requires_grad_()
    module = net.trunk.get_submodule(stage)
    hook = module.register_forward_hook(lambda _, __, maps: caught.append(maps))
    net.trunk(noise)
    hook.remove()
    middle = caught[0].shape[-1] // 2
    caught[0][..., middle, middle].sum().backward()
    return noise.grad.abs().mean((0, 1)).numpy()

# %% [markdown]
# And the smallest square around the centre of the light that holds 90 % of it, as its middle and
# its side:

# %%
def square_of_90_percent(gradient):
    places, total = np.arange(len(gradient)), gradient.sum()
    row, column = (round(float((gradient.sum(a) * places).sum() / total)) for a in (1, 0))
    for r in places:
        square = gradient[max(0, row - r) : row + r + 1, max(0, column - r) : column + r + 1]
        if square.sum() >= 0.9 * total:
            return row, column, 2 * r + 1

# %% [markdown]
# Whom to ask: mini-Xception, trained and untrained; the FERPlus VGG13 behind each of its poolings,
# and Deep-Emotion behind its convolutions, both untrained.

# %%
mini, new = models.pretrained(f"mini_xception_{DATASET}"), models.create("mini_xception", seed=0)
vgg13, deep = models.create("vgg13", seed=0), models.create("deep_emotion", seed=0)
asked = [(mini, stage) for stage in stages] + [(new, stage) for stage in stages]
asked += [(vgg13, f"base.{i}") for i in (4, 10, 18, 26)] + [(deep, "features")]
who = ["trained"] * 5 + ["untrained"] * 5 + ["vgg13"] * 4 + ["deep_emotion"]
seen = [gradient_of_middle(net.eval(), stage) for net, stage in asked]

# %% [markdown]
# **Predict.** Inside the square, is every pixel equally important? How wide is the part that holds
# 90 % of the light: nearly the whole field, or much less? Does training change it?
#
# **Run** the cells. Theory beside measurement:

# %%
squares = [square_of_90_percent(gradient) for gradient in seen]
print("net            stage     theory  measured  90 % within")
for (net, stage), gradient, (*_, side) in zip(asked, seen, squares, strict=True):
    inside = [r for r in summary.layers(net) if f"{r['layer']}.".startswith(f"{stage}.")]
    width, theory = np.count_nonzero(gradient.any(0)), max(row["sees"] for row in inside)
    print(f"{net.name:14} {stage:9} {theory:6} {width:9} {side:12}")

# %% [markdown]
# And as pictures: first row mini-Xception trained, second untrained, third VGG13 and Deep-Emotion.
# Brighter means a larger gradient (the square root is drawn); the gold square holds 90 % of the
# light.

# %%
figure, axes = plt.subplots(3, 5, figsize=(9.5, 6.2), layout="constrained")
for ax, name, (_, stage), gradient, place in zip(axes.flat, who, asked, seen, squares, strict=True):
    row, column, side = place
    ax.imshow(np.sqrt(gradient / gradient.max()), cmap="gray")
    corner = (column - side / 2, row - side / 2)
    ax.add_patch(plt.Rectangle(corner, side, side, fill=False, color="gold", lw=1.5))
    ax.set_title(f"{name}: {stage}", size=9)
    ax.axis("off")
plots.show(figure, alt="Fifteen maps of the gradient of a middle unit: a small bright square that "
           "grows from stage to stage up to the whole picture, bright in the middle and fading "
           "outwards; a gold square around the bright part is smaller than the field.")

# %% [markdown]
# **Interpret.** As long as the field fits into the picture, the measured width is that of the
# formula; later it is cut off by the border. But the light gathers in the middle: the square with
# 90 % of it is smaller, the more so the larger the field is. (The square has an odd side, hence 7
# beside a field of 6; and the middle unit of a small map may lie a little beside the middle of the
# picture.)
#
# The untrained mini-Xception shines at one spot. That is its shortcut: 1x1 convolutions with stride
# 2 carry a few pixels straight to the unit, while all others have to come through the many layers
# of the main path. Training spreads the light: compare its two rows.
#
# Why does the rim count so little? Count the **paths** from a pixel to the unit: from the middle
# there are many ways through a stack of 3-wide layers, from the rim exactly one.
#
# **Predict.** Four times as many layers make the field four times as wide. Will the square with 90
# % of the paths grow four times, too?
#
# **Run** the cell. It counts the paths along one row of pixels.

# %%
paths = np.ones(1)
print("layers  field  90 % of the paths within")
for depth in range(1, 65):
    paths = np.convolve(paths, np.ones(3))  # each layer: from the left, the middle, the right
    within = [paths[depth - r : depth + r + 1].sum() / paths.sum() for r in range(depth + 1)]
    if depth in (1, 4, 16, 64):
        print(f"{depth:6} {paths.size:6} {2 * np.flatnonzero(np.array(within) >= 0.9)[0] + 1:9}")

# %% [markdown]
# **Interpret.** Only about twice. Paths add up like the steps of a random walk: the field grows
# with the depth, the part that matters with its **root**. The 3,039 pixels that `describe` gives
# for InceptionResNetV2 are more than thirteen times its picture; almost all of that would be
# padding, and hardly any path leads there. Training moves the light outwards, but the edge of the
# field stays an edge on paper.
#
# ## One pixel matters: "same" padding
#
# A pooling of size 3 and stride 2 over 8 pixels gives 4 numbers, but the windows do not fit
# exactly: one pixel of padding is missing. Keras's rule "same" puts half of it in front, **rounded
# down**. torch's `padding=1` puts one on both sides.
#
# **Predict.** The picture is a ramp, 0 1 2 3 4 5 6 7 in each row. What are the four maxima under
# each rule? Are they equal?
#
# **Run** the cell.

# %%
from fer_utils.models.layers import SameMaxPool2d

ramp = torch.arange(8.0).repeat(8, 1)[None, None]
before = ((4 - 1) * 2 + 3 - 8) // 2  # half of what is missing
windows = [[x for x in range(2 * i - before, 2 * i - before + 3) if x < 8] for i in range(4)]
print("by hand, same:   ", windows, "->", [max(window) for window in windows])
print("SameMaxPool2d:   ", SameMaxPool2d()(ramp)[0, 0, 0].int().tolist())
print("torch, padding=1:", F.max_pool2d(ramp, 3, 2, padding=1)[0, 0, 0].int().tolist())

# %% [markdown]
# **Interpret.** Both rules give four numbers, so no error is raised, but every window is moved by
# one pixel. For an odd side (11 pixels) the missing padding is 2, one on each side, and the two
# rules agree.
#
# **Predict.** Take the trained network and change only this: torch's padding in its four poolings.
# All weights stay. Three of the four meet an even side (44, 22, 6). How many faces get another
# answer: none, a few, or many?
#
# **Run** the cells: first the change, then both networks answer to faces they did not learn from:
# the test split of facs3d, the validation split of photographs, whose test split waits for a last
# look.

# %%
import copy

moved = copy.deepcopy(mini)
for block in moved.trunk.blocks:
    block.main[-1] = torch.nn.MaxPool2d(3, stride=2, padding=1)

# %% [markdown]
# Both answer to the same faces:

# %%
split = "test" if DATASET == "facs3d" else "valid"
faces = data.load(DATASET, split=split, progress=False)
right, wrong = evaluate.evaluate(mini, faces), evaluate.evaluate(moved, faces)
changed = (right.predictions != wrong.predictions).mean()
print(f"as trained:   {right.accuracy.value:.1%} right")
print(f"torch's rule: {wrong.accuracy.value:.1%} right, {changed:.1%} of the answers changed")

# %% [markdown]
# **Interpret.** Compare the two accuracies, and look at the share of changed answers: it counts
# every face whose label moved, for better or worse. Nothing warned us. The weights loaded, the
# shapes fitted, the network answered. Whoever ports weights from one library to another has to
# compare **answers**, not shapes.
#
# ## Nothing below 0, and one number for a map
#
# alessi2019 draws two small layers as figures: the curve of ReLU (Fig. 14), and what global average
# pooling does to a map (Fig. 15). On a face they say more.
#
# **Predict.** The first layer of mini-Xception has eight filters, then come batch norm and ReLU, which
# puts 0 in place of every negative number. Of how many: a tenth, about half, nearly all?
#
# **Run** the cells. Above what the eight filters give, below the same after ReLU. Grey is 0.

# %%
face = faces.pictures()[:1]
convolution, norm, relu = mini.trunk.stem[0]
with torch.no_grad():
    before = norm(convolution(mini.prepare(face)))[0].numpy()
after = relu(torch.tensor(before)).numpy()
print(f"put to 0: {(after == 0).mean():.0%} of {after.size:,} numbers")
titles = [f"filter {i}" for i in range(1, 9)] + ["after ReLU"] * 8
plots.show(plots.faces([*before, *after], titles, columns=8))

# %% [markdown]
# **Interpret.** An edge filter answers with one sign on the bright side of an edge and with the other on
# the dark side; ReLU lets one of them pass. That is the only bend on the way: without it the two
# convolutions of the stem would be a single one of 5 x 5 ([02](02_gradient_and_laplacian.ipynb)), and
# the whole network little more than one matrix.
#
# At the other end the last convolution has one map of 3 x 3 for each class, and the mean of each is
# the class's score.
#
# **Predict.** Shuffle the nine places of every map, all in the same way. What becomes of the answer?
#
# **Run** the cells.

# %%
with torch.no_grad():
    maps, scores = mini.trunk[:-1](mini.prepare(face))[0], mini(face)[0]
    larger = mini.trunk(F.interpolate(mini.prepare(face), size=(96, 96)))
shuffled = maps.flatten(1)[:, torch.randperm(9)].view_as(maps)
print("the means are the scores:", torch.allclose(maps.mean((1, 2)), scores, atol=1e-5))
print("shuffled, the same scores:", torch.allclose(shuffled.mean((1, 2)), scores, atol=1e-5))
print("a picture of 96 x 96 has as many:", larger.shape[1] == len(scores))

# %% [markdown]
# Red speaks for a class, blue against it, white is 0; below each map its mean.

# %%
figure, strip = plt.subplots(1, len(maps), figsize=(10, 2), layout="constrained")
top = maps.abs().max()
for ax, name, each in zip(strip, mini.classes, maps, strict=True):
    ax.imshow(each, cmap="RdBu_r", vmin=-top, vmax=top)
    ax.set(xticks=[], yticks=[], title=name, xlabel=f"mean {each.mean():+.1f}")
    ax.spines[:].set_visible(True)
plots.show(figure, alt="A map of 3 x 3 for each class, red for it, blue against it, and its mean.")

# %% [markdown]
# **Interpret.** The mean keeps *how much* and forgets *where*, and it has no weights: where `custom_kdef`
# spends 98 million on its flattened map, this layer costs nothing, and takes a picture of any side. The
# paper says that the mean "forces the network to extract global features": each of the nine places has
# to speak for the class by itself. They still know where they are from the layers before.
# [08 Saliency compared](08_saliency_compared.ipynb) reads such maps as saliency (Grad-CAM).
#
# ## First choose where to look
#
# minaee2019 puts a **spatial transformer** in front of a small ordinary network. A second little
# network, the localisation net, looks at the picture and gives six numbers, an affine matrix
# `theta`. The picture is warped by it, and only the warped picture goes on.

# %%
look = ["conv 7x7, 8\npool, ReLU", "conv 5x5, 10\npool, ReLU", "FC 32, ReLU\nFC 6", "theta\n2 x 3"]
then = ["4 x conv 3x3\n10 filters", "dropout\nFC 50, ReLU", "FC 7"]
plots.show(plots.blocks(["picture\n48 x 48"], [look, []], "warp", then))

# %% [markdown]
# Coordinates run from -1 to 1 in both directions, x to the right and y **down**. For each pixel
# (x, y) of the **output**, theta says where in the input to fetch it:
#
# $$\begin{pmatrix} x_{in} \\ y_{in} \end{pmatrix} =
# \begin{pmatrix} a & b & c \\ d & e & f \end{pmatrix}
# \begin{pmatrix} x_{out} \\ y_{out} \\ 1 \end{pmatrix}$$
#
# By hand: one matrix product for all 2,304 pixels, then bilinear interpolation between the four
# pixels around each place (scipy does it).

# %%
from scipy.ndimage import map_coordinates

theta = np.array([[0.5, 0.0, 0.0], [0.0, 0.5, 0.3]])
one_each = faces.take([np.flatnonzero(faces.labels == k)[0] for k in range(len(faces.classes))])
picture = one_each.pictures()[3:4]
centres = (2 * np.arange(48) + 1) / 48 - 1
x, y = np.meshgrid(centres, centres)
x_in, y_in = theta @ np.stack([x.ravel(), y.ravel(), np.ones(48 * 48)])
rows_columns = [(y_in + 1) * 24 - 0.5, (x_in + 1) * 24 - 0.5]
by_hand = map_coordinates(picture[0, 0].numpy(), rows_columns, order=1, mode="grid-constant")

# %% [markdown]
# torch has the two steps as `affine_grid` (where to fetch) and `grid_sample` (fetch it):

# %%
thetas = torch.tensor(theta[None]).float()
grid = F.affine_grid(thetas, (1, 1, 48, 48), align_corners=False)
warped = F.grid_sample(picture, grid, align_corners=False)
print("the same picture:", np.allclose(by_hand.reshape(48, 48), warped[0, 0], atol=1e-5))

# %% [markdown]
# Both steps in one function:

# %%
def warp(pictures, thetas):
    grid = F.affine_grid(thetas, pictures.shape, align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)

# %% [markdown]
# The next function draws faces with the region that each theta cuts out (gold), and below them one
# row of warped pictures for each entry of `rows`, with its name.

# %%
def show_warps(pictures, thetas, rows, titles, alt):
    size, rows = (1.3 * len(pictures), 1.4 * (1 + len(rows))), {"theta": pictures, **rows}
    figure, axes = plt.subplots(len(rows), len(pictures), figsize=size, layout="constrained")
    corners = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], [1, 1, 1, 1, 1]])
    for strip, (name, shown) in zip(axes, rows.items(), strict=True):
        strip[0].set_ylabel(name)
        for ax, picture, title, theta in zip(strip, shown, titles, np.asarray(thetas), strict=True):
            ax.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[], frame_on=False)
            for color, width in (("black", 3.5), ("gold", 1.8)) if name == "theta" else ():
                ax.plot(*((theta @ corners + 1) * 24 - 0.5), color=color, lw=width)
                ax.set(title=title, xlim=(-10, 57), ylim=(57, -10))
    plots.show(figure, alt=alt)

# %% [markdown]
# **Predict.** `theta = [[0.5, 0, 0], [0, 0.5, 0.3]]`: will the face appear half as large, or twice?
# Will it move up or down?
#
# **Run** the cell. It goes there in two steps: first the 0.5, then the 0.3.

# %%
steps = torch.eye(2, 3).repeat(3, 1, 1)
steps[1:, 0, 0] = steps[1:, 1, 1] = 0.5
steps[2, 1, 2] = 0.3
three = picture.expand(3, -1, -1, -1)
show_warps(three, steps, {"warped": warp(three, steps)}, ["identity", "0.5", "0.5, f = 0.3"],
           "A face three times with the frame of theta: the whole picture, its middle half, a "
           "lower half; below each what the frame holds.")

# %% [markdown]
# **Interpret.** Twice as large: 0.5 says that the output's edge, at 1, is fetched from 0.5, halfway
# to the edge of the input. Reading theta as "what happens to the face" is the usual mistake; it
# says where to **look**. f = 0.3 looks 0.3 further down (y points down), so the face moves up.
#
# **Predict.** The transformer's weights start at random. Is its first theta random too?
#
# **Run** the cell on an untrained Deep-Emotion.

# %%
untrained = models.create("deep_emotion", seed=0).eval()
with torch.inference_mode():
    x = untrained.prepare(one_each.pictures())
    thetas = untrained.trunk.transformer.theta(x)
    before = (untrained.trunk.transformer(x) + 1) / 2
print(thetas[0].numpy())
print("the same for all faces:", bool((thetas == thetas[0]).all()))
print("nothing is warped:", torch.allclose(before, one_each.pictures(), atol=1e-5))

# %% [markdown]
# **Interpret.** It is the identity: look at the whole picture, for every face. The weights of the
# last layer start at zero and its bias at (1, 0, 0, 0, 1, 0). A random theta would often look
# beside the face or turn it round, and the network behind it could learn nothing until that was
# undone.
#
# And after training? Where the kit has a Deep-Emotion trained on this data set, the next cell takes
# it; otherwise it takes an untrained one and sets its theta by hand (a small zoom and turn).

# %%
trained = f"deep_emotion_{DATASET}" in models.pretrained_names()
deep = models.pretrained(f"deep_emotion_{DATASET}") if trained else untrained
if not trained:
    by_hand = torch.tensor([0.8, -0.2, 0.0, 0.2, 0.8, 0.1])
    deep.trunk.transformer.localisation[-1].bias.data.copy_(by_hand)
print("trained on this data set:", trained)

# %% [markdown]
# **Predict.** A transformer that pays attention should look at the mouth of a smile and the brows
# of an angry face. Will the seven frames lie in seven places?
#
# **Run** the cells, on one face per class.

# %%
with torch.inference_mode():
    x = deep.prepare(one_each.pictures())
    thetas = deep.trunk.transformer.theta(x)
    after = (deep.trunk.transformer(x) + 1) / 2

# %% [markdown]
# Above: the face and the frame after training. Middle: what the layers behind the transformer get
# to see before training. Below: after training. What lies outside the picture is filled with
# mid-grey.

# %%
show_warps(one_each.pictures(), thetas, {"before": before, "after": after}, one_each.classes,
           "Faces, one per class, each with the frame its theta looks at; below them the warped "
           "faces before training, which are unchanged, and after it: what the frame holds.")

# %% [markdown]
# **Interpret.** Compare the frames with each other before you compare them with the faces. Frames
# that are almost the same in all seven columns are a crop, not attention: the network has found one
# place that suits everybody. Only frames that follow the expression, or the pose of the head, would
# deserve the paper's word. Seven faces are few, so measure it.
#
# **Predict.** By how many pixels does the middle of the frame wander from face to face: about ten,
# about one, or not at all?
#
# **Run** the cell. It takes the mean and the standard deviation of theta over all faces.

# %%
with torch.inference_mode():
    x = deep.prepare(faces.pictures())
    every = deep.trunk.transformer.theta(x)
    hidden = deep.trunk.transformer.localisation[:-1](x)  # the 32 units before the last layer
print("mean theta:", [f"{value:.2f}" for value in every.mean(0).flatten()])
print("its spread:", [f"{value:.2f}" for value in every.std(0).flatten()])
print("hidden units that answer to any face:", int((hidden > 0).any(0).sum()), "of 32")

# %% [markdown]
# **Interpret.** A spread of 0.04 in the third or the sixth number is one pixel, for 48 pixels are 2
# units. Where a spread is larger than that, the frame does follow something in the picture. Where
# all six are 0.00, theta is a constant: every face gets the same crop. (An untrained transformer is
# constant too, because its last weights are zero.)
#
# The last line shows how that can happen. The 32 hidden units end in a ReLU. A unit whose input is
# negative for every face answers 0, gets no gradient, and never comes back: it has died. When all
# of them have, only the bias of the last layer is left, one theta for everybody, and the network
# trains on without a warning. A figure of seven good-looking crops tells you nothing about it.
#
# What is the crop worth? Give every face the mean theta, then the identity.
#
# **Predict.** Which of the two costs accuracy?
#
# **Run** the cell.

# %%
def accuracy_with(theta):
    deep.trunk.transformer.theta = lambda x: theta.expand(len(x), 2, 3)
    accuracy = evaluate.evaluate(deep, faces).accuracy
    del deep.trunk.transformer.theta  # back to its own
    return accuracy.value


print(f"its own theta      {evaluate.evaluate(deep, faces).accuracy.value:.1%}")
print(f"the mean for all   {accuracy_with(every.mean(0)):.1%}")
print(f"identity           {accuracy_with(torch.eye(2, 3)):.1%}")

# %% [markdown]
# **Interpret.** The difference between the first two lines is what choosing a crop **for each
# face** is worth: that alone is evidence of attention. The difference to the third line only says
# that the layers behind have got used to one crop, and must not be read as a gain from cropping.
# (With an untrained network all three are guesses.) What the paper claims for its transformer
# should be put to the same test; minaee2019 reports no such comparison.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: eight classes (easy)
#
# FERPlus has an eighth class, contempt. Work out on paper how many parameters mini-Xception has for
# eight classes, as Keras counts them. Then check with `on_meta("mini_xception", num_classes=8)`.
#
# <details><summary>Hint 1</summary>
#
# Only the head changes: its last convolution has one filter for each class.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A filter of the head is 3 x 3 over 128 channels, and each filter has a bias. Keras has 58,423 for seven.
#
# </details>

# %% tags=["starter"]
parameters = None
check.ex3_1(parameters)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Only the head changes. One more class needs one more filter of 3 x 3 x 128 and one more bias:
# 9 x 128 + 1 = 1,153. So 58,423 + 1,153 = 59,576, the third row of the table.
#
# </details>

# %% tags=["solution"]
parameters = models.count(on_meta("mini_xception", num_classes=8), "keras")
check.ex3_1(parameters)

# %% [markdown]
# ### Exercise 2: write a theta (medium)
#
# Write the theta that (a) mirrors a face left and right, (b) turns it by 30 degrees, (c) moves it
# six pixels to the left without changing its size. The cell draws them.
#
# <details><summary>Hint 1</summary>
#
# Theta says where to fetch from: to mirror, fetch x from -x. The picture reaches from -1 to 1.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A turn has cos and sin of 30 degrees (0.866 and 0.5). 48 pixels are 2 units, so how many are 6? Looking
# further to the right moves the face to the left.
#
# </details>

# %% tags=["starter"]
thetas = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],  # a
                       [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],  # b
                       [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])  # c
three = picture.expand(3, -1, -1, -1)
show_warps(three, thetas, {"warped": warp(three, thetas)}, ["a", "b", "c"],
           "A face three times with the frame of a theta, and below each the warped face; at the "
           "identity both are the same.")
check.ex3_2(thetas)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# (a) Fetch x from -x. (b) The **frame** turns clockwise (y points down), so the face turns
# counter-clockwise. (c) 48 pixels are 2 units, so 6 pixels are 0.25. Looking further to the right moves
# the face to the left.
#
# </details>

# %% tags=["solution"]
cos, sin = 0.866, 0.5
thetas = torch.tensor([[[-1, 0, 0], [0, 1, 0]],
                       [[cos, -sin, 0], [sin, cos, 0]],
                       [[1, 0, 0.25], [0, 1, 0]]])
check.ex3_2(thetas)

# %% [markdown]
# ### Exercise 3: how much of a transfer net is trained? (medium)
#
# mazen2021 keeps the convolutions of VGG-Face and trains a new head. `models.freeze_base(net)`
# takes the base out of training. Which share of `vgg_face` is left to train, and which convention
# of `models.count` shows it? Try the same with `vgg16_gap`: why is the share so much smaller?
#
# <details><summary>Hint 1</summary>
#
# `models.count(net, "torch")` counts what is trained, `models.count(net, "keras")` everything.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Build both with `on_meta(name)`, freeze, and divide.
#
# </details>

# %% tags=["starter"]
vgg_face, vgg16_gap = None, None  # shares, 0 to 1
check.ex3_3(vgg_face, vgg16_gap)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# 3,212,295 of 17,926,983 and 528,903 of 15,243,591. Both bases are VGG16's 14,714,688. `vgg_face`
# flattens the last map (25,088 numbers, each joined to 128 units), `vgg16_gap` takes its mean first
# (512 numbers).
#
# </details>

# %% tags=["solution"]
frozen = [models.freeze_base(on_meta(name)) for name in ("vgg_face", "vgg16_gap")]
shares = [models.count(net, "torch") / models.count(net, "keras") for net in frozen]
check.ex3_3(*shares)

# %% [markdown]
# ### Exercise 4: what if the convolutions were not separable? (medium)
#
# How many trained parameters would mini-Xception have if its eight separable convolutions were
# ordinary 3 x 3 convolutions without bias? Guess first: twice as many, five times, nine times?
#
# <details><summary>Hint 1</summary>
#
# A separable convolution from d to n channels costs 9d + dn, an ordinary one 9dn.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# List the eight pairs (d, n): each module has one that widens and one that keeps the width. Add the
# differences to 56,951.
#
# </details>

# %% tags=["starter"]
parameters = None
check.ex3_4(parameters)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# 314,831: about five and a half times as many. Not nine times, because the head, the
# residual convolutions and batch normalisation stay what they were, and 1/N is not zero.
#
# </details>

# %% tags=["solution"]
pairs = [(8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
parameters = 56951 + sum(9 * d * n - (9 * d + d * n) for d, n in pairs)
check.ex3_4(parameters)

# %% [markdown]
# ### Exercise 5: dropout that is never off (medium)
#
# In training, dropout sets each of Deep-Emotion's 810 features to 0 with probability 1/2. At
# evaluation it must do nothing; in the public port it stays active. Show one face 100 times to
# `deep` with `deep.trunk.head[0].train()` (afterwards `deep.eval()`), and draw the 100
# probabilities of each class. What would an accuracy measured like that be worth?
#
# <details><summary>Hint 1</summary>
#
# `faces.take([0] * 100).pictures()` is one face a hundred times.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Inside `torch.inference_mode()`: switch the dropout on, take `.softmax(1).numpy()` of the answers,
# switch the net back.
#
# </details>

# %% tags=["starter"]
hundred = faces.take([0] * 100).pictures()
on = None  # probabilities, (100, 7)
check.ex3_5(on, deep)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The answers differ: each is that of another half of the network. An accuracy measured that way
# changes from run to run and is, on average, lower. `models.pretrained` and `evaluate.evaluate`
# switch to evaluation for you; your own loop must call `net.eval()`.
#
# </details>

# %% tags=["solution"]
with torch.inference_mode():
    deep.trunk.head[0].train()
    on = deep(hundred).softmax(1).numpy()
    deep.eval()
check.ex3_5(on, deep)

# %% [markdown]
# ## Recap
#
# - Weights gather where there are many channels and few pixels, work where there are many pixels:
#   the net with the most parameters is not the one with the most MACs.
# - A separable convolution keeps a share of $1/N + 1/S^2$, at best one ninth for 3 x 3; an inverted
#   bottleneck has $6c^2 + 54c + 6cc'$ weights.
# - Fifteen of seventeen published counts match to the unit, by three conventions; for the two
#   parallel nets the paper lists the size of one stream.
# - A unit hardly uses the edge of its receptive field; a transformer starts at the identity, and
#   whether a trained one attends to single faces must be measured, not assumed.

# %% [markdown]
# Previous: [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb) | Next: [04 Training](04_training.ipynb)
