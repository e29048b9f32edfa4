# %% [markdown]
# # Two architectures
#
# **You will be able to**
#
# - count the parameters of a convolution and of a depthwise-separable one, and say what is saved;
# - add up mini-Xception's 58,423 parameters by hand, and say why torch counts 56,951;
# - say which pixels a unit can see, and what one pixel of padding does to ported weights;
# - read an affine matrix, and check what Deep-Emotion's spatial transformer does to a face.
#
# **Read first:** [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb): what a convolution
# is. The papers are alessi2019 (mini-Xception) and minaee2019 (Deep-Emotion).
#
# **Time:** 45 minutes on a laptop CPU.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Here we also need numpy, torch and matplotlib themselves.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

# %% [markdown]
# And some faces, and a trained mini-Xception. The faces are those of the test split; where a data
# set has none, those of the validation split. `one_each` holds one face per class.

# %%
faces = data.load(DATASET, progress=False)
faces = faces.where(split="test" if (faces.split == "test").any() else "valid")
one_each = faces.take([np.flatnonzero(faces.labels == k)[0] for k in range(len(faces.classes))])
mini = models.pretrained(f"mini_xception_{DATASET}")

# %% [markdown]
# ## Counting the weights of a convolution
#
# A convolution layer has N filters. Each filter looks at a small window, S pixels wide and S high,
# in **all** D channels that come in, and it may have one bias.
#
# **Predict.** 32 channels come in, the layer has 64 filters of 3 x 3 and a bias each. How many
# numbers does training have to find: 64 x 9 + 64 = 640, or many more?
#
# **Run** the next cell.

# %%
S, D, N = 3, 32, 64
print("by hand:", S * S * D * N + N)
print("torch:  ", models.count(torch.nn.Conv2d(D, N, S)))

# %% [markdown]
# **Interpret.** 640 forgets the depth: a filter is not a flat 3 x 3 grid but a block of 3 x 3 x 32.
# The size of the picture appears nowhere, because the same filters slide over every position.
#
# ## The same job, with fewer weights
#
# A depthwise-separable convolution splits the job in two. First every channel gets its own flat
# filter (depthwise: S x S x D weights, no mixing of channels). Then N filters of 1 x 1 mix the
# channels at each pixel (pointwise: D x N weights). pandey2019 gives the ratio of the two counts:
#
# $$\frac{S^2 D + D N}{S^2 D N} = \frac{1}{N} + \frac{1}{S^2}$$
#
# Here are both steps written out with loops over the nine places of the filter, for three channels
# in and five out. First the depthwise step:

# %%
from fer_utils.models.layers import SeparableConv2d

layer, x = SeparableConv2d(3, 5), torch.rand(1, 3, 6, 6)
depthwise, pointwise = (step.weight.detach() for step in layer)
padded = F.pad(x[0], (1, 1, 1, 1))
filtered = torch.zeros(3, 6, 6)
for i in range(3):
    for j in range(3):
        filtered += depthwise[:, 0, i, j, None, None] * padded[:, i : i + 6, j : j + 6]

# %% [markdown]
# Then the pointwise step, which is one sum over the channels at every pixel, and the kit's layer
# beside it:

# %%
by_hand = torch.einsum("nc,chw->nhw", pointwise[:, :, 0, 0], filtered)
print("the same numbers:", torch.allclose(by_hand, layer(x)[0], atol=1e-6))

# %% [markdown]
# **Predict.** With more and more filters N, does the share of the weights that is left go to zero?
#
# **Run** the cell. It counts real layers and puts the formula beside them.

# %%
print("  N   full conv   separable   share left   1/N + 1/S^2")
for N in (8, 16, 32, 64, 128, 256):
    full = models.count(torch.nn.Conv2d(32, N, 3, bias=False))
    separable = models.count(SeparableConv2d(32, N))
    print(f"{N:3} {full:11,} {separable:11,} {separable / full:12.3f} {1 / N + 1 / 9:13.3f}")

# %% [markdown]
# **Interpret.** Formula and count agree in every row. The share does not go to zero: it stops at
# 1/S^2, one ninth for a 3 x 3 filter, because the pointwise step still needs D x N weights. What is
# given up is freedom: all N filters must share the same D flat filters. The multiplications shrink
# by the same ratio, since each weight is used once per pixel in both layers.
#
# ## mini-Xception, layer by layer
#
# The network is a stem of two ordinary convolutions, four **residual modules**, one convolution to
# the seven classes, and an average over all positions. Each module halves the picture and doubles
# the number of filters (N = 16, 32, 64, 128). This is one of them:

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
# **Run** the cells. First one line for each kind of layer, then the sum over the network.

# %%
def conv(size, d, n):
    return size * size * d * n


def separable(d, n):
    return 9 * d + d * n


def norm(n):
    return 2 * n  # scale and shift

# %% [markdown]
# Here `d -> n` is a module with d channels in and n out:

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
# ("non-trainable"), torch keeps them as buffers: 1,472 numbers. Neither is wrong, but a paper should
# say which it means. The kit can count both ways, and lists every layer:

# %%
net = models.create("mini_xception", seed=0)
print(models.count(net, "torch"), models.count(net, "keras"))
print(models.describe(net))

# %% [markdown]
# Read the output column from top to bottom: 48 pixels become 46 and 44 (two 3 x 3 convolutions
# without padding), then 22, 11, 6 and 3. The last but one line is a 3 x 3 map for each class.
#
# ## One pixel matters: "same" padding
#
# A pooling of size 3 and stride 2 over 8 pixels gives 4 numbers, but the windows do not fit exactly:
# one pixel of padding is missing. Keras's rule "same" puts half of it in front, **rounded down**.
# torch's `padding=1` puts one on both sides.
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
# **Run** the cell.

# %%
import copy

moved = copy.deepcopy(mini)
for block in moved.trunk.blocks:
    block.main[-1] = torch.nn.MaxPool2d(3, stride=2, padding=1)

# %% [markdown]
# Both answer to the same faces:

# %%
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
# ## What a unit can see
#
# The receptive field of a unit is the square of pixels that can change it. Layer by layer, a kernel
# of size k widens it by (k - 1) x jump, where the jump (how many pixels lie between two neighbours)
# is multiplied by each stride.
#
# **Predict.** How wide is the field of one unit after the fourth module: 9 pixels (three 3 x 3
# layers), about 40, or more than the whole picture?
#
# **Run** the cell.

# %%
field, jump = 1, 1
stages = {"stem": [(3, 1), (3, 1)]}
stages |= {f"module {i}": [(3, 1), (3, 1), (3, 2)] for i in (1, 2, 3, 4)}
stages["head"] = [(3, 1)]
for name, layers in stages.items():
    for kernel, stride in layers:
        field, jump = field + (kernel - 1) * jump, jump * stride
    print(f"{name:9} field {field:3} pixels, jump {jump:2}")

# %% [markdown]
# **Interpret.** Stride is what widens the field: the last module adds as much as all before it
# together. After module 4 the field is twice as wide as a 48-pixel face, so those units can use
# everything.
#
# "Can see" may be measured. The gradient of one unit with respect to the picture is zero exactly at
# the pixels that cannot change it. The function takes the unit in the middle of a stage's map, sums
# over its channels, and averages the absolute gradient over 64 pictures of noise.

# %%
def gradient_of_middle(stage):
    pictures = torch.rand(64, 1, 48, 48).requires_grad_()
    maps = mini.trunk.blocks[:stage](mini.trunk.stem(mini.prepare(pictures)))
    maps[..., maps.shape[2] // 2, maps.shape[3] // 2].sum().backward()
    return pictures.grad.abs().mean((0, 1)).numpy()

# %% [markdown]
# **Predict.** Inside the square, is every pixel equally important?
#
# **Run** the cell. Brighter means a larger gradient (the fourth root is drawn, or the rim would
# be black).

# %%
seen = [gradient_of_middle(stage) for stage in range(5)]
wide = [np.flatnonzero(g.any(0)) for g in seen]
for name, columns in zip(stages, wide, strict=False):
    print(f"{name:9} sees columns {columns[0]:2} to {columns[-1]:2}: {columns.size:2} pixels")
titles = [f"{name}, {columns.size} wide" for name, columns in zip(stages, wide, strict=False)]
figure = plots.faces([(g / g.max()) ** 0.25 for g in seen], titles, columns=5, scale=1.4)
plots.show(figure, alt="Five maps of the gradient: a small bright square in the middle after the "
           "stem, larger ones after each module, the whole picture after module 4.")

# %% [markdown]
# **Interpret.** The first three widths are those of the formula, 5, 11 and 23; the later squares are
# cut off by the border of the picture. The light is brightest near the middle and fades outwards,
# for many paths lead from a central pixel to the unit and few from the rim: the field that counts
# is smaller than the field that is possible.
#
# ## Global average pooling: a picture of any size
#
# The last step is a mean over all positions of the class maps. It has no weights, and it does not
# ask how large the maps are.
#
# **Predict.** The trunk was trained on 48 x 48. Given 96 x 96, will it raise an error?
#
# **Run** the cell. It also takes the mean by hand.

# %%
with torch.inference_mode():
    x = mini.prepare(one_each.pictures())
    maps = mini.trunk[:-1](x)
    larger = F.interpolate(x, (96, 96), mode="bilinear")
    print("at 48 x 48:", tuple(maps.shape), "->", tuple(mini.trunk(x).shape))
    maps_larger = mini.trunk[:-1](larger)
    print("at 96 x 96:", tuple(maps_larger.shape), "->", tuple(mini.trunk(larger).shape))
    print("the mean is the answer:", torch.allclose(maps.mean((2, 3)), mini.trunk(x), atol=1e-5))

# %% [markdown]
# **Interpret.** No error: larger maps, the same seven scores. It does not follow that the answers
# stay good. The filters were trained on faces of one scale, and a face twice as large shows them
# other patterns. That is why the kit's networks resize every picture to the size they know.
#
# ## Deep-Emotion: first choose where to look
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
# The next function draws faces with the region that each theta cuts out, and below them the warped
# pictures.

# %%
def show_warps(pictures, thetas, warped, titles, alt):
    figure, axes = plt.subplots(2, len(pictures), figsize=(1.4 * len(pictures), 3.1), squeeze=False)
    corners = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], [1, 1, 1, 1, 1]])
    for column, theta in enumerate(np.asarray(thetas)):
        axes[0, column].imshow(pictures[column, 0], cmap="gray", vmin=0, vmax=1)
        axes[0, column].plot(*((theta @ corners + 1) * 24 - 0.5), color="black", lw=3.5)
        axes[0, column].plot(*((theta @ corners + 1) * 24 - 0.5), color="gold", lw=1.8)
        axes[1, column].imshow(warped[column, 0], cmap="gray", vmin=0, vmax=1)
        axes[0, column].set(title=titles[column], xlim=(-10, 57), ylim=(57, -10))
    for ax in axes.flat:
        ax.axis("off")
    figure.tight_layout(pad=0.3)
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
show_warps(three, steps, warp(three, steps), ["identity", "0.5", "0.5, f = 0.3"],
           "A face three times with the frame of theta: the whole picture, its middle half, a "
           "lower half; below each what the frame holds.")

# %% [markdown]
# **Interpret.** Twice as large: 0.5 says that the output's edge, at 1, is fetched from 0.5, halfway
# to the edge of the input. Reading theta as "what happens to the face" is the usual mistake; it says
# where to **look**. f = 0.3 looks 0.3 further down (y points down), so the face moves up.
#
# ## Does it start at a crop?
#
# **Predict.** The layer's weights start at random. Is the first theta random too?
#
# **Run** the cell on an untrained Deep-Emotion.

# %%
untrained = models.create("deep_emotion", seed=0)
with torch.inference_mode():
    thetas = untrained.trunk.transformer.theta(untrained.prepare(one_each.pictures()))
print(thetas[0].numpy())
print("the same for all seven faces:", bool((thetas == thetas[0]).all()))

# %% [markdown]
# **Interpret.** It is the identity: look at the whole picture, for every face. The weights of the
# last layer start at zero and its bias at (1, 0, 0, 0, 1, 0). A random theta would often look beside
# the face or turn it round, and the network behind it could learn nothing until that was undone.
#
# ## What the trained transformer does
#
# Where the kit has a Deep-Emotion trained on this data set, the next cell takes it; otherwise it
# takes the untrained one and sets its theta by hand (a small zoom and turn).

# %%
trained = f"deep_emotion_{DATASET}" in models.pretrained_names()
deep = models.pretrained(f"deep_emotion_{DATASET}") if trained else untrained.eval()
if not trained:
    by_hand = torch.tensor([0.8, -0.2, 0.0, 0.2, 0.8, 0.1])
    deep.trunk.transformer.localisation[-1].bias.data.copy_(by_hand)
print("trained on this data set:", trained)

# %% [markdown]
# **Predict.** A transformer that pays attention should look at the mouth of a smile and the brows of
# an angry face. Will the seven frames lie in seven places?
#
# **Run** the cell, one face per class. What lies outside the picture is filled with mid-grey.

# %%
with torch.inference_mode():
    x = deep.prepare(one_each.pictures())
    thetas = deep.trunk.transformer.theta(x)
    warped = (deep.trunk.transformer(x) + 1) / 2
show_warps(one_each.pictures(), thetas, warped, one_each.classes,
           "Seven faces, one per class, each with the frame its theta looks at; below them what "
           "the frame holds.")

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
# units. Where a spread is larger than that, the frame does follow something in the picture. Where all
# six are 0.00, theta is a constant: every face gets the same crop. (An untrained transformer is
# constant too, because its last weights are zero.)
#
# The last line shows how that can happen. The 32 hidden units end in a ReLU. A unit whose input is
# negative for every face answers 0, gets no gradient, and never comes back: it has died. When all of
# them have, only the bias of the last layer is left, one theta for everybody, and the network trains
# on without a warning. A figure of seven good-looking crops tells you nothing about it.
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
# **Interpret.** The difference between the first two lines is what choosing a crop **for each face**
# is worth: that alone is evidence of attention. The difference to the third line only says that the
# layers behind have got used to one crop, and must not be read as a gain from cropping. (With an
# untrained network all three are guesses.) What the paper claims for its transformer should be put
# to the same test; minaee2019 reports no such comparison.
#
# ## Where the weights sit, and where the work is done
#
# **Predict.** Deep-Emotion has 66,877 parameters, mini-Xception 56,951. In which layer of each are
# most of them? And is that also where most multiplications happen?
#
# **Run** the cells. The first counts multiply-accumulate operations (MACs) for one face: each weight
# of a convolution is used once per output pixel, each weight of a fully connected layer once.

# %%
def macs_of(net):
    counted, hooks = {}, []
    for name, layer in net.trunk.named_modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            def hook(layer, _, output, name=name):
                counted[name] = layer.weight.numel() * output[0, 0].numel()
            hooks.append(layer.register_forward_hook(hook))
    with torch.inference_mode():
        net(torch.zeros(1, 1, 48, 48))
    for hook in hooks:
        hook.remove()
    return counted

# %% [markdown]
# The layers are added up in groups, each the layers whose names start with one word.

# %%
def groups(net, names):
    macs, rows = macs_of(net), {}
    for title, start in names.items():
        weights = sum(p.numel() for k, p in net.trunk.named_parameters() if k.startswith(start))
        rows[title] = weights, sum(n for k, n in macs.items() if k.startswith(start))
    return rows

# %% [markdown]
# For both networks:

# %%
modules = {f"module {i + 1}": f"blocks.{i}" for i in range(4)}
three = {"localisation": "transformer", "convolutions": "features", "fully connected": "head"}
table = {"mini-Xception": groups(mini, {"stem": "stem", **modules, "head": "head"}),
         "Deep-Emotion": groups(deep, three)}
for name, rows in table.items():
    weights, macs = np.sum(list(rows.values()), 0)
    print(f"{name:13} {weights:7,} parameters {macs:11,} MACs for one face")

# %% [markdown]
# The same as a figure:

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
for ax, (name, rows) in zip(axes, table.items(), strict=True):
    shares = np.array(list(rows.values())) / np.sum(list(rows.values()), 0)
    for shift, share, color, label in ((-0.2, shares[:, 0], "#20457c", "parameters"),
                                       (0.2, shares[:, 1], "#e3c44b", "MACs")):
        ax.barh(np.arange(len(rows)) + shift, 100 * share, 0.38, color=color, label=label)
    ax.set(title=name, xlabel="% of the network", yticks=range(len(rows)), yticklabels=rows)
    ax.invert_yaxis()
axes[0].legend(frameon=False)
figure.tight_layout()
plots.show(figure, alt="Bars for the parts of each network: share of its parameters and of its "
           "MACs. mini-Xception: most parameters in module 4, the most MACs in the stem. "
           "Deep-Emotion: most parameters in the fully connected layers, most MACs before them.")

# %% [markdown]
# **Interpret.** Weights gather where there are many channels and few pixels, work where there are
# many pixels. mini-Xception's last module holds more than half of the weights and does less than a
# fifth of the work; the stem, with hardly any weights, does more than any other part. In Deep-Emotion one layer, 810 -> 50, has 40,550
# of the weights, and 50 outputs need only 40,500 multiplications for it. So "small network" may mean
# small on disk or small in work. Say which.
#
# ## Dropout: on or off?
#
# During training, dropout sets each of the 810 features to 0 with probability 1/2 and doubles the
# others, so that the mean stays. At evaluation it must do nothing. In the public port of
# Deep-Emotion it stays active.
#
# By hand, on 810 ones:

# %%
kept = torch.rand(810) > 0.5
by_hand = torch.ones(810) * kept * 2
print("by hand:   ", by_hand.unique().tolist())
print("nn.Dropout:", torch.nn.Dropout(0.5)(torch.ones(810)).unique().tolist())

# %% [markdown]
# **Predict.** Show the face of which the network is least sure 100 times to a network whose dropout
# is on. Do 100 equal answers come back?
#
# **Run** the cell.

# %%
doubtful = evaluate.evaluate(deep, faces).probabilities.max(1).argmin()
hundred = faces.take([doubtful] * 100).pictures()
with torch.inference_mode():
    off = deep(hundred).softmax(1).numpy()
    deep.trunk.head[0].train()
    on = deep(hundred).softmax(1).numpy()
    deep.eval()
print("all equal, dropout off:", np.allclose(off, off[0], atol=1e-6))
print("all equal, dropout on: ", np.allclose(on, on[0], atol=1e-6))

# %% [markdown]
# And how far apart they are:

# %%
figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(np.arange(7) + np.linspace(-0.3, 0.3, 100)[:, None], on, ".", color="#8fa9c9", ms=4)
ax.plot(range(7), off[0], "_", color="black", ms=34, mew=2.5)
ax.set(xticks=range(7), xticklabels=deep.classes, ylabel="probability", ylim=(-0.03, 1.03))
plots.show(figure, alt="Dots: the probability of each of seven classes in 100 passes of one face "
           "with dropout on; a black bar for each class: the one answer with dropout off.")

# %% [markdown]
# **Interpret.** With dropout on, the answer is a lottery around that of the whole network: each dot is
# the same face and the same weights. An accuracy measured that way changes from run to run and is, on
# average, lower. `net.eval()` switches dropout off and batch normalisation to its running
# statistics. `models.pretrained` and `evaluate.evaluate` do it for you; your own loop must.
#
# ### Exercise 1: eight classes
#
# FERPlus has an eighth class, contempt. Work out on paper how many parameters mini-Xception has for
# eight classes, as Keras counts them. Then check with `models.create("mini_xception", 8)`.
#
# <details><summary>Solution</summary>
#
# Only the head changes. One more class needs one more filter of 3 x 3 x 128 and one more bias:
# 9 x 128 + 1 = 1,153. So 58,423 + 1,153 = 59,576:
# `models.count(models.create("mini_xception", 8), "keras")`.
#
# </details>
#
# ### Exercise 2: write a theta
#
# Write the theta that (a) mirrors a face left and right, (b) turns it by 30 degrees, (c) moves it
# six pixels to the left without changing its size. Draw them with the cell below.

# %%
thetas = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],  # a
                       [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],  # b
                       [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])  # c
three = picture.expand(3, -1, -1, -1)
show_warps(three, thetas, warp(three, thetas), ["a", "b", "c"],
           "A face three times with the frame of a theta, and below each the warped face; at the "
           "identity both are the same.")

# %% [markdown]
# <details><summary>Solution</summary>
#
# (a) `[[-1, 0, 0], [0, 1, 0]]`: fetch x from -x.
# (b) `[[cos, -sin, 0], [sin, cos, 0]]` with cos = 0.866 and sin = 0.5. The **frame** turns
# clockwise (y points down), so the face turns counter-clockwise.
# (c) `[[1, 0, 0.25], [0, 1, 0]]`: 48 pixels are 2 units, so 6 pixels are 0.25. Looking further to
# the right moves the face to the left.
#
# </details>
#
# ### Exercise 3: what if the convolutions were not separable?
#
# How many trained parameters would mini-Xception have if its eight separable convolutions were
# ordinary 3 x 3 convolutions without bias? Guess first: twice as many, five times, nine times?
#
# <details><summary>Solution</summary>
#
# Let `separable` in the hand count return `9 * d * n`. The separable ones cost 9d + dn,
# the full ones 9dn:
#
# ```python
# pairs = [(8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
# extra = sum(9 * d * n - (9 * d + d * n) for d, n in pairs)
# print(56951 + extra)
# ```
#
# It prints 314,831: about five and a half times as many. Not nine times, because the head, the
# residual convolutions and batch normalisation stay what they were, and 1/N is not zero.
#
# </details>
#
# ### Exercise 4: Deep-Emotion's receptive field
#
# Its convolutions are 3 x 3, 3 x 3, pool 2 with stride 2, and the same once more. How wide is the field
# of a unit after the second pool? Is there any way for a pixel outside that square to change the unit?
#
# <details><summary>Solution</summary>
#
# Put `[(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2)]` into the loop of "What a unit can see": the
# field is 16 pixels, with a jump of 4. These are pixels of the **warped** picture. A pixel anywhere in
# the face may change theta, and with it what is warped into those 16; so once the transformer is
# alive, every pixel can change every unit. With a constant theta, none outside can.
#
# </details>

# %% [markdown]
# ## Recap
#
# - A convolution has S x S x D x N weights; the separable one keeps a share of 1/N + 1/S^2 of them,
#   at best one ninth for 3 x 3.
# - 56,951 trained numbers and 1,472 running statistics make 58,423: torch and Keras count
#   differently.
# - Strides widen the receptive field fastest; padding that is one pixel off changes answers without
#   an error.
# - Theta says where to look, from output to input, and starts at the identity; whether a trained one
#   attends to single faces must be measured, not assumed.

# %% [markdown]
# Previous: [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb) | Next: [04 Training](04_training.ipynb)
