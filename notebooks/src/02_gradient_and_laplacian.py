# %% [markdown]
# # Gradient and Laplacian
#
# **You will be able to**
#
# - write the Sobel and Laplacian filters by hand, borders included, and check them against OpenCV
#   and against the module;
# - read gradient and Laplacian pictures of a face, and say why one blurs before taking second
#   derivatives;
# - work out what an extra input channel costs, and show that a convolution could have computed it
#   by itself;
# - judge a comparison of inputs: equal numbers of parameters, several seeds, and differences held
#   against what luck alone does.
#
# **Read first:** [01 Data sets](01_datasets.ipynb); the paragraph on Sobel and Laplacian
# operators in `pandey2019`.
#
# **Time:** about 50 minutes to read and run on a laptop CPU, 65 more for the exercises.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# ## A derivative is a difference
#
# A row of pixels is a function: at every column it has a grey level. Its derivative asks how fast
# the grey level changes from one column to the next. With pixels that is a subtraction.
#
# **Predict.** A line crosses a surprised face at the height of the open mouth. Where along it will
# the difference of neighbours be largest: where the picture is brightest, where it is darkest, or
# somewhere else?
#
# **Run.** First the tools of this notebook: numpy and torch to compute, OpenCV to compare with.

# %%
import cv2
import numpy as np
import torch
from matplotlib.figure import Figure

import faces3d

# %% [markdown]
# Now a face, one row of it, and the differences. (The kit draws this face on the spot, the same one
# for everybody. The faces of your data set come further down.)

# %%
face = faces3d.draw("surprise", identity=2).astype(np.float32)
row = face[40]
difference = (row[2:] - row[:-2]) / 2
print("a row of", row.size, "pixels has", difference.size, "such differences")

# %% [markdown]
# (The difference is taken between the right and the left neighbour and halved, so that it belongs
# to the pixel in the middle. The two end pixels lack a neighbour. We come back to them.)

# %%
figure = Figure(figsize=(9, 2.8), layout="constrained")
left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1.5, 1.5])
left.imshow(face, cmap="gray", vmin=0, vmax=255)
left.axhline(40, color="white", ls="--")
left.axis("off")
middle.plot(row, color="#20457c")
middle.set(title="grey level along the line", xlabel="column")
right.plot(np.arange(1, 47), difference, color="#20457c")
right.axhline(0, color="#8c8c8c", lw=1)
right.set(title="difference of neighbours", xlabel="column")
plots.show(figure, alt="A face crossed by a line; the grey level along it; its differences.")

# %% [markdown]
# **Interpret.** The difference is near zero wherever the grey level is constant, bright or dark. It
# has a peak where the curve climbs and a valley where it falls: at the rim of the face and at the
# rim of the mouth. A derivative forgets how bright a place is and keeps where brightness
# changes. That is why it is tried for faces: the same face in weaker light has another picture,
# but edges in the same places.
#
# ## The Sobel filter by hand
#
# In two dimensions there are two directions, so two derivatives. A single row's difference is
# noisy; the Sobel filter takes it in three rows at once and adds them with weights 1, 2, 1:
#
# $$ S_x = \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix}, \qquad
# S_y = S_x^T. $$
#
# Lay the nine weights over a pixel and its eight neighbours, multiply, add up: that is the value
# at this pixel. Then slide on by one.
#
# **Predict.** What does the filter do at the rim of the picture, where three of the nine pixels do
# not exist? OpenCV continues the picture as if mirrored about its border pixel. What would go
# wrong if we simply put zeros (black) there?
#
# **Run.** Here is the filter as two nested loops, and a padding of your choice.

# %%
def slide(picture, kernel, padding):
    """Lay a 3x3 kernel over every pixel, multiply and add up."""
    padded = np.pad(picture, 1, mode=padding)
    result = np.zeros_like(picture)
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            result[y, x] = (padded[y : y + 3, x : x + 3] * kernel).sum()
    return result

# %% [markdown]
# The kernel is the matrix from above.

# %%
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)

# %% [markdown]
# `mode="reflect"` is the mirror, `mode="constant"` puts zeros around. In the figure, mid-grey is 0,
# lighter is brighter towards the right, darker is darker towards the right.

# %% tags=["tolerance:5e-2"] reason="another kind of processor may draw a pixel one grey level lighter"
mirrored = slide(face, sobel, "reflect")
zeros = slide(face, sobel, "constant")
plots.show(plots.faces([mirrored, zeros], titles=["mirrored", "zeros around"], scale=2))
print("largest value in the first column, mirrored:", np.abs(mirrored[:, 0]).max())
print("largest value in the first column, zeros:   ", np.abs(zeros[:, 0]).max())
print("largest value in the whole mirrored picture:", np.abs(mirrored).max())

# %% [markdown]
# **Interpret.** With zeros around, the picture seems to hang in a black room, and its rim becomes
# an edge. It is no edge of the face; somebody cut the picture there. A network would see a frame in
# every picture. In a mirror the left neighbour of the first column equals the right one, so the
# horizontal derivative is exactly 0 there: the filter says "I do not know of any change", which is
# the honest answer.
#
# Now the check. The loop, OpenCV and the module must agree, on every pixel, borders included.

# %%
picture = torch.from_numpy(face)[None, None]
module = inputs.sobel_x(picture)[0, 0].numpy()
print("loop and OpenCV agree:", np.allclose(mirrored, cv2.Sobel(face, cv2.CV_32F, 1, 0)))
print("loop and module agree:", np.allclose(mirrored, module))
vertical = slide(face, sobel.T, "reflect")
print("and vertically:", np.allclose(vertical, inputs.sobel_y(picture)[0, 0]))

# %% [markdown]
# Two pairs of words to keep apart. Sliding and multiplying as above is *cross-correlation*; a
# convolution in the strict sense flips the kernel first. Deep learning says "convolution" for both,
# and so do we. And the Sobel filter answers eight times the slope per pixel (the weights on one
# side add up to 4, over a distance of 2): fine for a picture, but divide by 8 if you need units.
#
# ## How strong, and which way
#
# The two derivatives are the two components of an arrow, the *gradient*. It points to where the
# picture gets brighter, and its length says how quickly.
#
# **Predict.** The open mouth is a dark hole. In which direction do the arrows on its rim point:
# along the rim, into the hole, or out of it?
#
# **Run.** Left the length at every pixel, right the arrows around the mouth, where they are long.

# %%
across, down = (f(picture)[0, 0].numpy() for f in (inputs.sobel_x, inputs.sobel_y))
length = np.hypot(across, down)
figure = Figure(figsize=(9, 3.6), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
left.imshow(length, cmap="gray")
right.imshow(face, cmap="gray")
right.set(xlim=(11.5, 35.5), ylim=(47.5, 32.5))
rows, columns = np.nonzero(length > 60)
arrows = across[rows, columns], -down[rows, columns]
right.quiver(columns, rows, *arrows, color="#e3c44b", scale=3000, width=0.006)
for axes, title in ((left, "length"), (right, "arrows around the mouth")):
    axes.set_title(title)
    axes.axis("off")
plots.show(figure, alt="The length of the gradient over a face, and its arrows around the mouth.")

# %% [markdown]
# **Interpret.** Arrows stand at right angles to an edge and point to its brighter side, so around
# the dark mouth they point away from it, out into the skin. Inside the mouth is a second, smaller
# border: the tongue is lighter than the dark around it and collects arrows. The length has lost the
# direction: a dark line on light skin and a light line on dark skin look alike in the left picture.
# The module calls it `gradient_magnitude`:

# %%
magnitude = inputs.gradient_magnitude(picture)[0, 0].numpy()
print("by hand and module agree:", np.allclose(length, magnitude))
print("and OpenCV:", np.allclose(length, cv2.magnitude(across, down), atol=1e-3))

# %% [markdown]
# ## The Laplacian: the change of the change
#
# Take the difference of the differences, once across and once down, and add the two. Per row,
# right minus middle and middle minus left give (right - middle) - (middle - left), which is the
# kernel 1, -2, 1. Across plus down:
#
# $$ L = \begin{pmatrix} 0 & 1 & 0 \\ 1 & -4 & 1 \\ 0 & 1 & 0 \end{pmatrix}. $$
#
# **Predict.** Take a soft edge from dark to bright. The first derivative has one bump on it. What
# does the second derivative look like: one bump as well, two bumps, or a bump and a dip?
#
# **Run.** First that the kernel is what it was built to be, then the edge.

# %%
second = np.array([[0, 0, 0], [1, -2, 1], [0, 0, 0]], np.float32)
by_hand = slide(face, second, "reflect") + slide(face, second.T, "reflect")
module = inputs.laplacian(picture)[0, 0].numpy()
print("sum of two second derivatives is the module's Laplacian:", np.allclose(by_hand, module))
print("and OpenCV's:", np.allclose(by_hand, cv2.Laplacian(face, cv2.CV_32F)))

# %% [markdown]
# The edge is a smooth step between dark (0) and bright (1); the dotted line marks its middle.

# %%
x = np.arange(-12, 13)
edge = 1 / (1 + np.exp(-x / 1.5))
first = np.convolve(edge, [0.5, 0, -0.5], mode="same")[1:-1]
second = np.convolve(edge, [1, -2, 1], mode="same")[1:-1]
figure = Figure(figsize=(9, 2.4), layout="constrained")
curves = {"edge": edge, "first derivative": first, "second derivative": second}
for axes, (title, values) in zip(figure.subplots(1, 3), curves.items(), strict=True):
    at = x if title == "edge" else x[1:-1]
    axes.plot(at, values, color="#20457c", marker=".")
    axes.axvline(0, color="#8c8c8c", ls=":")
    axes.axhline(0, color="#8c8c8c", lw=0.8)
    axes.set_title(title)
plots.show(figure, alt="A soft edge, its first derivative (a bump), its second (a bump, a dip).")

# %% [markdown]
# **Interpret.** A bump and a dip, and between them the curve passes through zero exactly where the
# edge is. That *zero crossing* finds an edge to a fraction of a pixel, whatever its height. In
# pictures it gives every edge a bright and a dark seam.
#
# ## Why one blurs first
#
# Pictures carry noise: small random errors, different at every pixel. A filter adds up nine pixels
# with weights, so it adds up nine errors too. Independent errors add up in squares: if the noise
# has standard deviation s, the filter's answer has noise of s times the root of the sum of the
# squared weights.
#
# **Predict.** For the Laplacian (weights 1, 1, 1, 1, -4), does the noise grow by a factor of 1, 4.5
# or 20?
#
# **Run.** Noise of standard deviation 1 goes in; what comes out?

# %% tags=["tolerance:5e-3"] reason="float32 sums over many pixels are added in another order elsewhere"
noise = torch.randn(1, 1, 400, 400, generator=torch.Generator().manual_seed(0))
expected = np.sqrt((inputs.LAPLACIAN**2).sum())
print(f"expected factor: {expected:.2f}")
print(f"measured factor: {inputs.laplacian(noise).std() / noise.std():.2f}")

# %% [markdown]
# Blurring takes a weighted mean of neighbours, in which independent errors partly cancel. Below,
# noise is added to the face (standard deviation 8 grey levels). The two pictures on the
# right were blurred with a small Gaussian before their Laplacian was taken.

# %%
generator = np.random.default_rng(0)
noisy = face + generator.normal(0, 8, face.shape).astype(np.float32)
four = [face, noisy] + [cv2.GaussianBlur(one, (0, 0), 1.0) for one in (face, noisy)]
titles = ["Laplacian", "of the noisy face", "blurred first", "noisy, but blurred first"]
panels = [np.clip(cv2.Laplacian(one, cv2.CV_32F), -60, 60) for one in four]
plots.show(plots.faces(panels, titles=titles, columns=4, scale=2))

# %% [markdown]
# **Interpret.** The noise that you hardly notice in a face covers its Laplacian like snow, because
# an edge spreads its change over several pixels and the noise changes from one pixel to the next;
# the second derivative prefers what changes quickly. Blurring costs fine detail and removes most
# of the snow. Blur followed by Laplacian is an old pair with its own name, *Laplacian of Gaussian*.
#
# `pandey2019` does not blur, and neither do the models here: the fixed kernel is applied to the
# picture as it is. Whoever trains on noisy pictures should keep this figure in mind.
#
# ## Seven expressions in three pictures
#
# **Predict.** Which expression will show the most edges around the mouth, and where else might an
# expression leave edges that are not in the neutral face?
#
# **Run.** One face per class: grey, gradient length, Laplacian.

# %%
faces = data.load(DATASET, split="valid", progress=False)
first = [faces.where(label=name).images[1] for name in faces.classes]
each = torch.from_numpy(np.stack(first)).float()
lengths = inputs.gradient_magnitude(each) / 400
curvature = 0.5 + inputs.laplacian(each) / 200
shown = torch.cat([each / 255, lengths, curvature]).clamp(0, 1).numpy()
count = len(faces.classes)
titles = [*faces.classes, *["gradient"] * count, *["Laplacian"] * count]
plots.show(plots.faces(shown, titles=titles, columns=count))

# %% [markdown]
# One face proves little. The mean length over all validation faces of a class, minus the mean over
# the neutral ones, shows what the class has in common (red: more edge than neutral, blue: less).

# %%
def mean_length(name):
    """Return the mean gradient length (H, W) over the faces of a class."""
    return inputs.gradient_magnitude(faces.where(label=name).pictures()).mean((0, 1)).numpy()


figure = Figure(figsize=(10, 2.1), layout="constrained")
for axes, name in zip(figure.subplots(1, 6), faces.classes[:6], strict=True):
    extra = mean_length(name) - mean_length("neutral")
    drawn = axes.imshow(extra, cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    axes.set_title(name)
    axes.axis("off")
figure.colorbar(drawn, ax=figure.axes, shrink=0.7, label="mean length, less neutral")
plots.show(figure, alt="Maps of six expressions: mean gradient length minus that of neutral faces.")

# %% [markdown]
# **Interpret.** Open mouths and bared teeth add edges that no closed mouth has, so expressions
# with them stand out. Expressions carried by brows and lids leave less ink. Coloured patches away
# from eyes, brows and mouth need not mean anything: with few faces in a class, the outlines of
# their heads do not average out. The rarest class is the most speckled.
#
# ## Could a network do this by itself?
#
# Sobel and Laplacian are convolutions with fixed weights, and a network's first layer is a
# convolution with weights it learns. So what is gained by handing them over ready-made?
#
# **Predict.** A first layer with 3x3 kernels reads two channels, the grey picture and its
# Laplacian. Is there a layer that reads the grey picture alone and gives the same answer? How large
# must its kernels be?
#
# **Run.** A layer with random weights, and the single kernel that replaces its pair.

# %%
conv = torch.nn.functional.conv2d
weights = torch.randn(8, 2, 3, 3, generator=torch.Generator().manual_seed(0))
both = torch.cat([picture, inputs.laplacian(picture)], dim=1) / 255
answer = conv(both, weights)
kernel = torch.from_numpy(inputs.LAPLACIAN)[None, None]
alone = torch.nn.functional.pad(weights[:, :1], (1, 1, 1, 1))
merged = conv(weights[:, 1:], kernel, padding=2) + alone
print("the merged kernels are", tuple(merged.shape[-2:]))
inside = conv(picture / 255, merged)
print("same answer:", torch.allclose(answer[..., 1:-1, 1:-1], inside, atol=1e-4))

# %% [markdown]
# **Interpret.** A convolution after a convolution is again a convolution: 3x3 after 3x3 reaches
# 5x5. The pair (picture, Laplacian) holds nothing that is not in the picture, and one layer with
# 5x5 kernels, or two layers of 3x3, can compute all of it. (`padding=2` turns the small kernel
# around the other; the Laplacian is symmetric, so flipping does not matter. The comparison leaves
# out the rim, where the mirror would come in.)
#
# So the extra channel adds no *information*. What it may change is where training ends up: a
# random start is far from a Laplacian, and the optimiser may never go there. `pandey2019` argues
# from its results that the networks "are not able to compute these derived images internally".
# Read that as a statement about what training *finds*, not about what the network *can* express.
# (The gradient's length is another matter: a square root of squares is not linear.)
#
# ## How the channels get in
#
# `models.create(..., inputs=...)` puts the fixed filters into the network's own first step,
# `prepare`, so whoever uses the network just hands it a picture.
#
# **Predict.** The first layer of mini-Xception has 8 filters of 3x3 and no bias. How many
# parameters does the Laplacian channel add: 9, 72, or as many as the network has (a second copy)?
#
# **Run** and compare with your number.

# %%
plain = models.count(models.create("mini_xception"))
for name in inputs.INPUTS:
    net = models.create("mini_xception", inputs=name)
    channels, count = net.prepare(picture / 255).shape[1], models.count(net)
    print(f"{name:24} {channels} channels, {count:,} parameters, {count - plain:3d} more")
print("by hand: 8 filters x 3 x 3 =", 8 * 3 * 3, "for each channel added")

# %% [markdown]
# **Interpret.** Only the first layer sees the channels, so each adds 8 x 3 x 3 weights and nothing
# else changes: about a tenth of a per cent. `sobel` is two channels, x and y, and `magnitude` is
# one, their length. `pandey2019` has both: its Tables II and IV take "gradients in 2 directions",
# its Fig. 2b and the "Gradient" rows of Table I one gradient picture. Which one it does not say;
# the kit takes the length. From x and y the next layer could not make the length, which is not
# linear; from the length nothing can make x and y.
#
# `pandey2019` also runs the derivatives through a *parallel* network of their own, which doubles
# the parameters. How to compare that fairly is the question of a later section.
#
# Training needs the derivative of every channel. The length is the root of x squared plus y
# squared, and where the face is flat, x and y are 0: the root's derivative divides by 0. One such
# pixel would make every gradient NaN. The length has a tip there, as |x| has at 0, and no
# derivative; the kit says 0.

# %%
flat = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
inputs.gradient_magnitude(flat).sum().backward()
print("the module's gradient of a flat picture:", flat.grad.abs().max().item())
flat.grad = None
torch.hypot(inputs.sobel_x(flat), inputs.sobel_y(flat)).sum().backward()
print("the plain root's is NaN everywhere:", bool(flat.grad.isnan().all()))

# %% [markdown]
#
# ## Does it help?
#
# **Predict.** Two networks, equal but for their inputs, are trained for a few epochs on 800
# faces, once each. Suppose one ends three points above the other. Would you call it better?
#
# **Run.** Both trainings together take a quarter of a minute or so. The recipe is a short one of our own.

# %%
known = data.load(DATASET, split="train", progress=False)
few = known.take(np.random.default_rng(0).permutation(len(known))[:800])
judges = faces.take(slice(0, 400))
recipe = train.Recipe(source="this notebook", learning_rate=1e-3, batch=32)
curves = {}
for name in ("gray", "gray+sobel+laplacian"):
    net = models.create("mini_xception", inputs=name, classes=faces.classes, seed=0)
    history = train.fit(net, few, judges, recipe, epochs=4, progress=False, device="cpu")
    curves[name] = [epoch["valid_accuracy"] for epoch in history.epochs]

# %% [markdown]
# The figure also draws how well a model does that always gives the most frequent answer. No
# numbers are printed: a short training ends a little differently on every kind of machine.

# %%
figure = Figure(figsize=(6.5, 3), layout="constrained")
axes = figure.subplots()
for (name, values), style in zip(curves.items(), ("o--", "s-"), strict=True):
    axes.plot(range(1, 5), [100 * value for value in values], style, color="#20457c", label=name)
blind = max(judges.counts().values()) / len(judges)
axes.axhline(100 * blind, color="#8c8c8c", ls=":", label="always the same answer")
axes.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0, 100), xticks=range(1, 5))
axes.legend()
plots.show(figure, alt="Validation accuracy over four epochs, for grey and for four channels.")

# %% [markdown]
# How far apart must two accuracies be before they say anything? Each is a share of n faces, with a
# standard error of the root of p (1 - p) / n. The difference of two independent ones has the root
# of twice that.

# %%
n, p = len(judges), 0.5
error = np.sqrt(2 * p * (1 - p) / n)
print(f"{n} faces, both near {100 * p:.0f} %: the standard error is {100 * error:.1f} points")
print(f"95 % of the time luck alone stays within {196 * error:.1f} points")

# %% [markdown]
# **Interpret.** Whatever the two curves do in the figure above, hold their distance against that
# number. And it is only the luck of *which faces* are in the validation split. Another seed (first
# weights, order of the faces) moves each curve again, often by as much. If both curves leave the
# dotted line, both inputs can be trained on; if they do not, four epochs on 800 faces were too
# little for this data set. Which input is better, the figure cannot say. That takes full trainings,
# several seeds each, and a number of epochs chosen in advance.
# (That both were judged on the same faces helps: a paired test is sharper than this rule of thumb.)
#
# With this in mind, read Table IV of `pandey2019` again: 80.37 % for the base network, 82.83 % with
# the Laplacian channel, means of four trainings that lie from 79.99 to 80.61 and from 82.38 to
# 83.33. The two ranges do not overlap. That is far better evidence than one curve above another.
#
# ## A filter that learns
#
# The fixed filters are a layer of the network whose weights nobody trains. Take that lock off and
# they are an ordinary first layer: one channel in, one 3x3 kernel for each channel out.
#
# **Predict.** A layer with two learnable kernels is started at the two Sobel matrices. Before any
# training, will its answers be the module's channels exactly, nearly, or only after training? And
# how many weights has training to play with?
#
# **Run.**

# %%
learned = torch.nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect", bias=False)
with torch.no_grad():
    learned.weight[:, 0] = torch.from_numpy(np.stack([inputs.SOBEL_X, inputs.SOBEL_Y]))
    answer = learned(picture)
fixed = torch.cat([inputs.sobel_x(picture), inputs.sobel_y(picture)], dim=1)
print("same channels:", torch.allclose(answer, fixed, atol=1e-3))
print("weights that training may change:", models.count(learned))

# %% [markdown]
# **Interpret.** The fixed filter is one setting of the learned one. So whatever a network with
# fixed Sobel channels can do, a network with learned filters can do too, for 18 weights more. That
# is a statement about what the networks *can* express. Which of them *ends up* better, after a
# given training, on faces it has not seen, cannot be derived. It has to be measured.
#
# ## A fair comparison
#
# Three rules make a comparison of inputs worth its time. *The same number of parameters*: a larger
# network may win because it is larger. *Several seeds*: a seed sets the first weights, the order of
# the faces and their augmentation. *Everything else equal and decided before*: recipe, epochs,
# which epoch is kept (the best on the validation split), and one look at the test split per
# network.
#
# The rivals all are mini-Xception on `facs3d`:
#
# | rows of the table | before the network | networks |
# |---|---|---|
# | gray | nothing | one |
# | Sobel; Laplacian | the fixed filters, concatenated to the picture | one |
# | 2 or 1 learned, random start | filters of the same shape, started at random numbers | one |
# | 2 learned, start at Sobel | filters that start as Sobel's and may move away | one |
# | parallel | the fixed filters | two narrow ones: picture and derivatives apart |
#
# Why narrow ones? Unless they are told otherwise, the module's parallel networks have full width,
# as the names of the rows in Table I of `pandey2019` suggest, and two networks have twice the
# parameters:

# %%
for fusion in ("concat", "parallel"):
    net = models.create("mini_xception", inputs="gray+sobel", fusion=fusion)
    print(f"{fusion:8} {models.count(net):,} parameters")

# %% [markdown]
# If the second one wins, is it the derivative or the size? Table IV of the paper prints 0.65
# million for concatenated and parallel networks alike; two full ones would have twice as many, and
# whether it narrowed them it does not say. Here the two networks of a parallel row are narrowed
# until both together have about as many parameters as one. A layer from n channels to n has n x n
# weights per pixel of its kernel, so seven tenths of the filters have half the weights (0.7 x 0.7 =
# 0.49). The paper's own net takes that factor as `width`:

# %%
options = {"num_classes": 8, "inputs": "gray+sobel"}
for change in ({}, {"fusion": "parallel"}, {"fusion": "parallel", "width": 0.7}):
    net = models.create("bottleneck_065m", **options, **change)
    print(f"{models.count(net, 'paper'):9,}", *change.values())

# %% [markdown]
# **Predict.** Write down two numbers. How many points will the best row be above the plain grey one?
# And how far apart will the three runs of *one* row be, which differ in nothing but the seed?
#
# **Run.** So many trainings take the better part of an hour, so `fer_lab/experiments/first_layers.py` made them
# once, and its table comes with the kit. (It is about `facs3d`, whatever data set you have chosen
# above.) The first lines of the file say what was done.

# %%
from pathlib import Path

table = Path("../figures/first_layers.csv")
runs = plots.read_table(table)
print(*(line for line in table.read_text().splitlines() if line.startswith("#")), sep="\n")
print(len(runs), "runs")

# %% [markdown]
# The runs of an arm (one way to show a face to the network) belong together, and of each we want the
# test accuracy in per cent.

# %%
arms, scores, n = {}, {}, int(runs[0]["n"])
for run in runs:
    arms.setdefault(run["arm"], []).append(run)
for name, three in arms.items():
    scores[name] = np.array([100 * int(run["correct"]) / n for run in three])

# %% [markdown]
# One line per arm: parameters, the test accuracy of each seed, their mean.

# %%
for name, three in arms.items():
    each = "  ".join(f"{score:.1f}" for score in scores[name])
    size = int(three[0]["parameters"])
    print(f"{name:26} {size:,}   {each}   mean {scores[name].mean():.1f}")

# %% [markdown]
# And as a picture: a dot per run (seed 0 on top), a bar at the mean. The grey band is the 95 %
# interval that `evaluate.Accuracy` gives for one run at the grey network's mean. So far reaches the
# luck of *which faces* are in the test split.

# %%
plain = evaluate.Accuracy(round(n * scores["gray"].mean() / 100), n)
figure = plots.dots(
    scores,
    xlabel="test accuracy, %",
    band=(100 * plain.low, 100 * plain.high),
    band_label=f"95 % Wilson interval of one run at the first row's mean ({n} faces)",
)
plots.show(figure)

# %% [markdown]
# The band is the yardstick for somebody with other test faces. But all networks here were judged on
# the *same* faces, so what parts the dots of a row is the seed. The spread of three runs, pooled
# over all rows, is its size; a difference of two means of three runs has a standard error of that
# spread times the root of 2/3.

# %%
spread = np.sqrt(np.mean([score.var(ddof=1) for score in scores.values()]))
error = spread * np.sqrt(2 / 3)
print(f"runs of one row: standard deviation {spread:.2f} points")
print(f"difference of two means: standard error {error:.2f} points\n")
for name in list(scores)[1:]:
    gain = scores[name].mean() - scores["gray"].mean()
    print(f"{name:26} {gain:+.1f} points against gray, {gain / error:+.1f} standard errors")

# %% [markdown]
# And what would somebody have found who had trained with one seed only?

# %%
for seed in range(3):
    alone = {name: three[seed] for name, three in scores.items()}
    print(f"by seed {seed} alone the best is: {max(alone, key=alone.get)}")

# %% [markdown]
# **Interpret.** Look at the dots before the bars. Three runs of one row are equal but for the seed,
# and they lie about as far apart as the rows do. Each seed alone would have told a story of its own
# (the last three lines). And among seven comparisons with nothing behind them, one reaches two
# standard errors in three cases of ten ($1 - 0.95^7 = 0.30$). So this table ranks nothing: not
# derivatives against none, not fixed against learned, not concatenated against parallel. The
# differences are within the noise.
#
# What it does show is a limit. A gain of three points, as in Table IV, would be several standard
# errors here and could not hide. For this network, these faces and this short training, a
# derivative channel is not worth that much. It may be on photographs: the faces of `facs3d` are
# drawn, clean, and easy for this network. Another data set is another experiment.
#
# Now read `pandey2019` with the same eyes. Table I has one run per row and 980 test faces: from
# 83.16 to 88.16 % is 49 faces. Exercise 1 asks what the luck of the faces leaves of that; the luck
# of the seed nobody can know from a single run. And its best row differs from its first in three
# things at once: derivatives, three times the parameters, and spatial transformers
# ([03 Architectures](03_architectures.ipynb) shows what those do to a face). Table IV has four runs
# per row, and its gains stand clear of the spread. There the parallel networks (82.71 and 82.57 %)
# are not above the concatenated ones (82.83 and 83.30 %).
#
# ## What became of the learned filters?
#
# **Predict.** Two filters start at random numbers and learn for a few hundred steps on faces.
# Afterwards, do they look like Sobel's, like blurs, or still much like the random numbers they
# started from?
#
# **Run.** The table holds every learned kernel, at its start and at its end. In the figure blue is
# negative, white is 0 and red is positive; each kernel has a colour scale of its own. (A sign means
# nothing by itself: the next layer can turn it round.)

# %%
def kernels(name, column="kernels"):
    """Return the learned kernels of an arm, all seeds, (filters, 3, 3)."""
    numbers = " ".join(run[column] for run in arms[name]).split()
    return np.array(numbers, float).reshape(-1, 3, 3)

# %% [markdown]
# Two filters and three seeds make six kernels per row, one filter and three seeds make three.

# %%
rows = {"fixed": [inputs.SOBEL_X, inputs.SOBEL_Y, inputs.LAPLACIAN]}
for name in ("2 learned, random start", "1 learned, random start"):
    rows[name] = kernels(name, "kernels_start")
    rows[f"{name},\nafterwards"] = kernels(name)
rows["2 learned, start at Sobel,\nafterwards"] = kernels("2 learned, start at Sobel")

# %% [markdown]
# Now the picture.

# %%
figure = Figure(figsize=(8, 5.2), layout="constrained")
grid = figure.subplots(len(rows), 6)
for axes in grid.flat:
    axes.axis("off")
for line, (title, some) in zip(grid, rows.items(), strict=True):
    line[0].text(-0.6, 1, title, ha="right", va="center")
    for axes, kernel in zip(line, some, strict=False):
        top = np.abs(kernel).max()
        axes.imshow(kernel, cmap="RdBu_r", vmin=-top, vmax=top)
plots.show(figure, alt="Kernels as 3x3 squares: fixed, random at the start, and after training.")

# %% [markdown]
# Looking alike can be measured. A 3x3 kernel is an arrow in nine dimensions. What share of its
# squared length lies in the plane of the two Sobel kernels? For an arrow of random direction the
# mean is 2 of 9, 0.22; along one kernel, the Laplacian or a plain blur, it is 1 of 9, 0.11.

# %%
def share(kernel, *directions):
    """Return the share of a kernel's squared length along directions at right angles."""
    units = [direction / np.linalg.norm(direction) for direction in directions]
    return sum((kernel * unit).sum() ** 2 for unit in units) / (kernel**2).sum()

# %% [markdown]
# Means over the kernels of each row:

# %%
sobels, means = (inputs.SOBEL_X, inputs.SOBEL_Y), np.ones((3, 3))
for title, some in list(rows.items())[1:]:
    edge = np.mean([share(kernel, *sobels) for kernel in some])
    curve = np.mean([share(kernel, inputs.LAPLACIAN) for kernel in some])
    blur = np.mean([share(kernel, means) for kernel in some])
    print(f"{edge:.2f} Sobel, {curve:.2f} Laplacian, {blur:.2f} blur:", title.replace("\n", " "))

# %% [markdown]
# And how far did training turn each kernel? The cosine of the angle between start and end is 1 for
# a kernel that kept its direction and 0 for one that has nothing left of it.

# %%
for name in ("2 learned, random start", "1 learned, random start", "2 learned, start at Sobel"):
    pairs = zip(kernels(name, "kernels_start"), kernels(name), strict=True)
    cosines = [(a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]
    print(f"{name:26}", "  ".join(f"{cosine:.2f}" for cosine in cosines))

# %% [markdown]
# **Interpret.** The kernels have hardly turned. Those that started as Sobel's are Sobel's still,
# and the random ones are the random ones still. Nothing has become an edge filter that was none.
# The layers behind learn to use what the first one offers, whatever that is.
#
# In that sense the paper is right: training does not go and *find* Sobel's filters. But the rows
# with random filters are not below the others by more than noise, so not finding them did no harm
# that we can see. Two things limit this. The training is short, and the filters were started as
# long as the fixed ones, so that a step turns them little: a shorter start or a longer training
# would let them turn further. And the first layer behind them has 8 kernels of its own,
# which may learn what they do not.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: is a gain a gain? (easy)
#
# Table I of `pandey2019` gives single runs on KDEF; the percentages fit 980 test pictures. The
# plain network has 815 right, with the parallel Laplacian 827, with three inputs 864. For each of
# the three print `evaluate.Accuracy(correct, 980)` and look at the intervals. Which of the two
# gains would you report?
#
# <details><summary>Hint 1</summary>
#
# `print(evaluate.Accuracy(815, 980))` shows the share and its 95 % interval.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two intervals that overlap almost entirely could come from the same network.
#
# </details>

# %% tags=["starter"]
print("plain:", evaluate.Accuracy(815, 980))
correct = None  # 827 or 864
check.ex2_1(correct)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The intervals of 815 and 827 overlap almost entirely: 12 faces of 980. Those of 815 and 864 do
# not overlap, so that gain is hardly luck of the draw of faces. It may still be luck of the seed,
# as there was one run, and the last network has a spatial transformer and three times the
# parameters as well. The table shows that the whole package is better; it cannot say which part of
# it did the work.
#
# </details>

# %% tags=["solution"]
for correct in (815, 827, 864):
    print(evaluate.Accuracy(correct, 980))
check.ex2_1(correct)

# %% [markdown]
# ### Exercise 2: a blurred Sobel (medium)
#
# Show that the Sobel kernel contains its own small blur: it is the product of a column 1, 2, 1
# (smooth) and a row -1, 0, 1 (differentiate). Then find the factor by which it lets noise grow,
# first on paper, then with `inputs.sobel_x(noise)`. Divide by 8 to get slopes per pixel: is a slope
# measured this way noisier or calmer than half the difference of two neighbours?
#
# <details><summary>Hint 1</summary>
#
# `np.outer` multiplies a column by a row.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Independent noise adds up in squares: the factor is the root of the sum of the squared weights, as for
# the Laplacian above.
#
# </details>

# %% tags=["starter"]
factor = None
check.ex2_2(factor)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The squares add up to 12, so noise grows by the root of 12, about 3.46; per unit of slope that is
# 3.46 / 8, about 0.43. Half the difference of two neighbours has the root of 2 divided by 2, about
# 0.71. The smoothing across the edge pays off.
#
# </details>

# %% tags=["solution"]
smooth, differentiate = np.array([1, 2, 1]), np.array([-1, 0, 1])
print(np.array_equal(np.outer(smooth, differentiate), inputs.SOBEL_X))
factor = np.sqrt((inputs.SOBEL_X**2).sum())
check.ex2_2(factor)

# %% [markdown]
# ### Exercise 3: find the edges by zero crossings (medium)
#
# Blur `face`, take the Laplacian (both are done below), and mark the pixels where its sign differs from
# that of the right or the lower neighbour. Why are there crossings in flat skin, and how would you get
# rid of them?
#
# <details><summary>Hint 1</summary>
#
# `sign[:, :-1] != sign[:, 1:]` compares each pixel with its right neighbour; the last column has none.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Begin with `crossing = np.zeros_like(sign)` and set parts of it with `|=`, once for the columns, once
# for the rows.
#
# </details>

# %% tags=["starter"]
curved = cv2.Laplacian(cv2.GaussianBlur(face, (0, 0), 1.5), cv2.CV_32F)
sign = curved > 0
crossing = None  # of the same shape, True or False
check.ex2_3(crossing, curved)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# In flat skin the Laplacian is nearly zero and any small noise gives it a sign. Keep the crossings
# at which the gradient is long: an edge is a place where the first derivative is large *and* the
# second one changes its sign.
#
# </details>

# %% tags=["solution"]
crossing = np.zeros_like(sign)
crossing[:, :-1] |= sign[:, :-1] != sign[:, 1:]
crossing[:-1] |= sign[:-1] != sign[1:]
strong = crossing & (magnitude > 60)
plots.show(plots.faces([crossing.astype(float), strong.astype(float)], scale=2))
check.ex2_3(crossing, curved)

# %% [markdown]
# ### Exercise 4: how many seeds? (hard)
#
# Suppose a new channel is truly worth half a point, and runs scatter as they do in this notebook
# (`spread`). A usual rule asks that the true gain be 2.8 standard errors, so that four experiments
# of five find it. How many seeds per row does that take? And for a gain of two points?
#
# <details><summary>Hint 1</summary>
#
# The mean of k runs has a standard error of `spread` times the root of 1 / k; the difference of two such
# means has the root of 2 / k.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Set the gain equal to 2.8 standard errors, solve for k, and round up.
#
# </details>

# %% tags=["starter"]
half_a_point, two_points = None, None  # seeds per row
check.ex2_4(half_a_point, two_points, spread)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The difference of two means of k runs has a standard error of `spread` times the root of 2 / k;
# set the gain equal to 2.8 of these and solve for k. Half the gain takes four times the seeds.
# (Four of five, because 2.8 = 1.96 + 0.84: 1.96 to pass the 95 % line, and 0.84 because in one case
# of five a measured gain falls short of the true one by more than 0.84 standard errors.)
#
# </details>

# %% tags=["solution"]
seeds = [int(np.ceil(2 * (2.8 * spread / gain) ** 2)) for gain in (0.5, 2)]
print(f"half a point: {seeds[0]} seeds per row, two points: {seeds[1]}")
check.ex2_4(*seeds, spread)

# %% [markdown]
# ## Recap
#
# - A filter lays nine weights over each pixel, multiplies and adds; at the border the picture is
#   mirrored, and then loops, OpenCV and the module agree on every pixel.
# - The gradient points across an edge to its brighter side, the Laplacian crosses zero on it; second
#   derivatives multiply noise (by 4.5), so one blurs first.
# - A channel costs 72 weights in mini-Xception, and a convolution could compute it itself; what
#   the papers claim is about what training finds.
# - A comparison is worth what its rules are: equal numbers of parameters, several seeds, all decided
#   before. Differences within the luck of the faces, or within the spread over seeds, say nothing;
#   in our table no first layer, fixed or learned, concatenated or parallel, stands clear of it.

# %% [markdown]
# Previous: [01 Data sets](01_datasets.ipynb) | Next: [03 Architectures](03_architectures.ipynb)
