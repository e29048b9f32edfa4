# %% [markdown]
# # Every architecture
#
# **You will be able to**
#
# - train any of ten architectures by its paper's recipe, and say what that brought and cost;
# - test with one batch whether a network can learn at all, before you wait for a night;
# - name what gets a network off the class frequencies: late dropout, a smaller rate, batch norm;
# - choose between a frozen base, fine-tuning and a start from nothing, and compute features once.
#
# **Read first:** [04 Training](04_training.ipynb). The papers are mazen2021 and borgalli2022.
#
# **Time:** about 30 minutes to read and run on a laptop CPU, 65 more for the exercises; the cells compute two to three.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Torch, numpy and a clock; a GPU is used where there is one.

# %%
from dataclasses import replace
from time import perf_counter

import numpy as np
import torch

from fer_utils.train.augment import Augmentation

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# Three hundred faces to learn from and three hundred to validate on, evenly spaced over their
# splits: a few seconds per epoch even for the larger networks. What a whole training brings stands
# in a table further down.


# %%
def spread(faces, count):
    return faces.take(np.linspace(0, len(faces) - 1, count).round().astype(int))


everyone = data.load(DATASET, progress=False)
learn = spread(everyone.where(split="train"), 300)
valid = spread(everyone.where(split="valid"), 300)
print(learn)
print("networks:", *models.names())

# %% [markdown]
# ## Pick and train
#
# Below are pickers for the network, its inputs and how they are fused, the data set (those that are
# found on your machine), the device, and the side at which the network works. `Train` builds the
# net, takes the recipe of its paper, draws the curves after every epoch and adds a row to the
# table: the loss and the accuracy on validation faces, the accuracy's 95 % interval, faces per
# second, the largest memory in use, and the seconds of the first epoch and of a later one. `Stop`
# ends a training after its epoch. `late` is explained below.
#
# **Predict.** You press `Train` twice without moving a picker. Which columns will be the same to
# the last digit: loss and accuracy, faces per second, memory?
#
# **Run** the cell. It presses the button once; press it again yourself, then change the inputs.

# %%
pickers = widgets.trainer("mini_xception", dataset=DATASET, faces=200, epochs=2)
pickers.start.click()
pickers.wait()
pickers

# %% [markdown]
# **Interpret.** Loss and accuracy repeat on one machine: the seed decides. Speed, memory and
# seconds are measured, and never come out twice the same. Memory is the peak of the GPU, or on a
# CPU that of the whole process, with Python and torch in it: compare it with another row of the
# same table and with nothing else. The first epoch is slower than a later one where something is
# made ready in it, on a GPU above all.
#
# Two epochs of 200 faces say nothing about a network. Two things do: whether it can learn at all,
# which takes seconds to find out, and a whole training, which takes an hour.
#
# ## One batch by heart
#
# Before a long training, let a network learn **one batch by heart**: 14 faces, two of each class,
# without dropout and without augmentation. Every network here has far more parameters than that
# takes. If its loss stays at ln 7 = 1.95, which is what knowing nothing costs, something is wrong,
# and a night of training would not mend it.
#
# Networks for pictures of 224 x 224 work at a small side here, so that a laptop keeps up. The
# number beside it is how often each sees the batch; the VGGs get more.

# %%
SIDES_AND_STEPS = {
    "bottleneck_065m": (48, 5),
    "custom_kdef": (48, 8),
    "deep_emotion": (48, 12),
    "inception_resnet_v2": (75, 3),
    "light_vgg": (48, 20),
    "mini_xception": (48, 8),
    "small_resnet": (48, 8),
    "vgg13": (32, 16),
    "vgg16_gap": (32, 14),
    "vgg_face": (32, 10),
}

# %% [markdown]
# Each is trained by the recipe of its paper; only the augmentation is switched off, and `late`
# keeps dropout out. Steps and rates that follow an epoch are of no use in so few, nor is early
# stopping. `train.measured` is `train.fit` with a row of the table as its result.

# %%
by_class = [np.flatnonzero(learn.labels == k)[:2] for k in range(len(learn.classes))]
batch = learn.take(np.concatenate(by_class))
others = spread(valid, 14)


def by_heart(name, **changes):
    side, steps = SIDES_AND_STEPS[name]
    recipe = train.recipe(models.paper(name))
    fixed = {"batch": len(batch), "late": steps, "patience": 0, "augmentation": Augmentation()}
    net = models.create(name, classes=learn.classes, input_size=side, seed=0)
    recipe = replace(recipe, **(fixed | changes))
    options = {"epochs": steps, "device": DEVICE, "progress": False}
    return train.measured(net, batch, others, recipe, **options)


# %% [markdown]
# It has begun to learn where the lowest loss of its steps is well below that of knowing nothing.

# %%
chance = np.log(len(learn.classes))


def leaves(row, by=0.1):
    return min(epoch["train_loss"] for epoch in row.history.epochs) < chance - by


# %% [markdown]
# **Predict.** One of the ten will not leave 1.95. Which: the one with the fewest parameters, the
# deepest, or one whose recipe was made for something else?
#
# **Run** the cell.

# %%
rows = {name: by_heart(name) for name in SIDES_AND_STEPS}
for name, row in rows.items():
    print(f"{name:20} {models.paper(name):13} {'learns' if leaves(row) else 'DOES NOT LEARN'}")

# %% [markdown]
# **Interpret.** Nine learn, from 57 thousand parameters to 57 million, with batch norm and without.
# `vgg_face` does not. mazen2021's rate of 0.001 belongs to a training in which VGG-Face's
# convolutions are already trained and only a small head learns. From random weights, thirteen
# convolutions without batch norm are thrown off by steps of that size. The table of all columns;
# its losses are those of 14 faces that no network here has seen:

# %% tags=["nbval-ignore-output"] reason="seconds, memory and the losses of so short a training differ between machines"
train.table(rows)

# %% [markdown]
# On those 14 faces nobody is good, and nobody should be: 14 faces known by heart are no knowledge.
#
# ## What keeps a network at the class frequencies
#
# A network that knows nothing of the picture can still learn how frequent each class is, and say
# that for every face. The loss is then a little below 1.95, the accuracy is the share of the
# largest class, and the curve is a flat line. Without batch norm a deep network can stay there for
# a long time: what comes through its layers hardly depends on the picture yet, and dropout's noise
# drowns it.
#
# **Predict.** `vgg13` has learned the batch by heart without dropout. What does it do with the
# dropout of its paper from the first step on? And `vgg_face` with a tenth of the rate?
#
# **Run** the cell.

# %% tags=["tolerance:0.25"] reason="losses after a short training differ a little between processors"
trials = {
    "vgg13 with dropout": by_heart("vgg13", late=0),
    "vgg13 without": rows["vgg13"],
    "vgg_face, rate 0.001": rows["vgg_face"],
    "vgg_face, rate 0.0001": by_heart("vgg_face", learning_rate=1e-4),
}
for name, row in trials.items():
    lowest = min(epoch["train_loss"] for epoch in row.history.epochs)
    print(f"{name:22} lowest loss {lowest:.2f}; ln 7 = {chance:.2f}")

# %% [markdown]
# **Interpret.** The same weights, the same faces, the same rate: with dropout `vgg13` stays. So a
# recipe has `late`: for that many epochs at the start no dropout and no augmentation, then both, as
# the paper wants them (late dropout: Liu et al., "Dropout reduces underfitting", 2023). And for
# `vgg_face` a smaller rate is enough. Batch norm spares a network both: it brings what comes out of
# every layer back to mean 0 and variance 1, so that the picture is still seen at the end.
# The networks here that have it in all blocks (`mini_xception`, `small_resnet`, `bottleneck_065m`,
# `inception_resnet_v2`) learned the batch in eight looks or fewer; of those without, only
# `custom_kdef` did, which has two convolutions.
#
# How much of the picture is left at the end can be asked before the first step: how far do the
# answers of an untrained network differ from face to face?

# %%
for name in ("custom_kdef", "light_vgg", "vgg13", "vgg16_gap", "vgg_face"):
    net = models.create(name, classes=learn.classes, input_size=32, seed=0)
    answers = evaluate.predict(net, batch.images)
    convolutions = sum(isinstance(layer, torch.nn.Conv2d) for layer in net.modules())
    print(f"{name:12} {convolutions:2} convolutions, logits differ by {answers.std(0).mean():.5f}")

# %% [markdown]
# Ten convolutions leave about a hundredth of what two leave, thirteen less than half of that. Keras's
# first weights keep the mean square of a layer's input, ReLU then cuts it in half, and what comes
# through is more alike for all pictures after every layer. A step of the optimizer that moves a bias
# by 0.0001 is then nearly as large as the difference between two faces. (`vgg_face` is as deep as
# `vgg16_gap`, but its authors' weights want pictures that reach to 255 instead of to about 2.)
#
# ## A whole training of each
#
# `python -m fer_lab.experiments.architectures` trained nine of the ten on 2,000 faces of `facs3d`,
# some of them twice, and scored each once on its 909 test faces. That takes a CPU more than an hour,
# so the table is stored. The recipe below each names what was changed; `start=data` and `base=frozen` are
# explained below. (`vgg13` has a table of its own, `figures/vgg13_facs3d_confusion.csv`: 872 of 909.)
#
# **Predict.** A network that always says the most frequent class is right on 255 of the 909. Does
# everything that can learn a batch by heart get beyond that?
#
# **Run** the cells. The table is about `facs3d`, whatever data set you have chosen above.

# %%
stored = plots.read_table("../figures/architectures.csv")
print(f"{'':33} side  epochs  right  faces/s  peak MB  epoch 1    later  device; recipe")
for row in stored:
    start = f"{row['arm']:33} {row['size']:>4} {row['epochs']:>7} {row['correct']:>6}"
    speed = f"{float(row['pictures_per_second']):8.0f} {row['peak_mb']:>8}"
    times = f"{row['first_seconds']:>6} s {row['later_seconds']:>6} s"
    print(start, speed, times, f"{row['device']:>7}\n    {row['recipe']}")

# %% [markdown]
# The same as accuracies with their intervals. The last row is the network that looks at nothing.

# %%
test = data.load("facs3d", progress=False).where(split="test")
majority = evaluate.Accuracy(max(test.counts().values()), len(test))
scores = {row["arm"]: evaluate.Accuracy(int(row["correct"]), int(row["n"])) for row in stored}
frequent = "the most frequent class"
plots.show(plots.accuracies(scores | {frequent: majority}, reference=frequent))

# %% [markdown]
# Which lie above it by more than their interval?

# %%
for name, accuracy in scores.items():
    verdict = "learns" if accuracy.low > majority.high else "at the class frequencies"
    print(f"{name:33} {accuracy}  {verdict}")

# %% [markdown]
# **Interpret.** A batch by heart is necessary and not enough. `deep_emotion` learned 14 faces, and
# yet, by minaee2019's recipe as it is (in bfloat16, as the whole table), it stood for 100 epochs at
# the most frequent class. Its rate of 0.005 is the highest of Adam's in this course, and its one
# batch norm comes after its last convolution. The next row is the same start at a fifth of that
# rate. On all 5,310 faces of the training part, in float32, the kit's own Deep-Emotion left the
# plateau at the paper's rate (`models.card("deep_emotion_facs3d")` has the command): a start so near
# the edge that the number of steps or of digits decides is a bad start. A few epochs at the smaller
# rate:

# %% tags=["tolerance:0.25"] reason="losses after a short training differ a little between processors"
many, judges = spread(everyone.where(split="train"), 2000), everyone.where(split="valid")
slower = replace(train.recipe("minaee2019"), learning_rate=1e-3)
net = models.create("deep_emotion", classes=many.classes, seed=0)
row = train.measured(net, many, judges, slower, epochs=6, device=DEVICE, progress=False)
flat = evaluate.Accuracy(max(judges.counts().values()), len(judges))
print(f"the most frequent class {flat.value:.1%}; after six epochs {row.accuracy.value:.1%}")

# %% [markdown]
# VGG16's two wanted another start. One epoch from Keras's first weights, or one from He's (which make
# up for the half that ReLU takes), left both at the class frequencies, without dropout and
# augmentation and at the rate of 0.0001. `start=data` lets 128 faces through the untrained network:
# one factor on all convolutions brings the features behind them to a standard deviation of 1, and the
# head's hidden layers are shifted and scaled until each of their outputs has mean 0 and variance 1
# over these faces. That is batch norm, done once (after Krähenbühl et al., "Data-dependent
# initializations of convolutional neural networks", 2016; `start_from_data` in
# `fer_lab/experiments/architectures.py`). `vgg_face`, at a tenth of its paper's rate, was above the
# class frequencies after three epochs, `vgg16_gap` after four, and after eight they recognise more than
# half of the faces. The same in every single layer was too much: a trial with 500 faces had 70 % of
# them right in its fifth epoch, and 24 % of the validation faces. Thirteen shifts in a row blow up
# whatever differs, noise too. (The seconds of these rows are those of a machine that did a dozen other
# things meanwhile.)
#
# In the rows `only a head` (`base=frozen`) the base stays as random as it began. Random features are
# enough for `vgg16_gap`'s head to rise above the class frequencies, at 48 x 48 pixels even. So being
# above them does not prove that a base has learned; 59 % beside 35 % does.
#
# So "this architecture reaches x" is a sentence about an architecture, a recipe, a number of faces,
# a seed, and now and then the number of digits. A flat line of a first try is no verdict. Look at
# the curve: whoever watches the first five epochs stops such a run and changes the start.
#
# Do not rank the others by this table. They had unlike numbers of epochs and sides, one seed each,
# and recipes that were written for other faces.
#
# ## A frozen base: compute its features once
#
# mazen2021 takes VGG-Face, trained on faces of celebrities, and puts a new head on it. Whether the
# base learns too it does not say; its words *bottleneck features* suggest not. What such a **frozen**
# base says of a face is the same in every epoch. So it is enough to ask it once, keep the answers,
# and train the head on these: one pass over the faces instead of twenty. Augmentation is lost, for
# it would ask for new features every time.
#
# Without downloads we transfer from photographs to drawn faces: a network that learned FERPlus gets a
# new head for our classes. (On `fer2013` and `ferplus` nothing is transferred: those are the faces it
# learned from.) Two bases, with the plainest recipe:

# %%
plain = train.Recipe(source="this notebook")
options = {"device": DEVICE, "progress": False}


def from_ferplus(name, seed=0):
    torch.manual_seed(seed)  # of the new head
    net = models.replace_head(models.pretrained(f"{name}_ferplus"), learn.classes)
    return models.freeze_base(net).to(DEVICE)


# %% [markdown]
# `models.features` asks the base, `models.head` is the rest of the net, with the very same weights:
# what is trained in it is trained in the net.


# %%
def best(history):
    return history.best["valid_accuracy"]


def train_head(net, epochs=20):
    seen = models.features(net, learn), models.features(net, valid)
    return train.fit(models.head(net), *seen, plain, epochs=epochs, **options)


net = from_ferplus("small_resnet")
print("faces:   ", learn.images.shape)
print("features:", models.features(net, learn).images.shape)

# %% [markdown]
# **Predict.** Twenty epochs of the head on stored features, against twenty epochs of the whole net
# with its base frozen. How many times as fast, for each of the two networks? And will the heads be
# the same?
#
# **Run** the cell. It measures three epochs of the whole net and takes them times 20 / 3.

# %%
ratios = {}
for name in ("small_resnet", "mini_xception"):
    cached, whole = from_ferplus(name), from_ferplus(name)
    start = perf_counter()
    history = train_head(cached)
    once = perf_counter() - start
    start = perf_counter()
    slowly = train.fit(whole, learn, valid, plain, epochs=3, **options)
    ratios[name] = (perf_counter() - start) * 20 / 3 / once
    losses = [[row["train_loss"] for row in run.epochs[:3]] for run in (history, slowly)]
    print(f"{name}: the losses are the same: {np.allclose(*losses, atol=1e-3)}")

# %% [markdown]
# The ratios themselves depend on the machine:

# %% tags=["nbval-ignore-output"] reason="ratios of measured times differ from machine to machine"
print({name: f"{ratio:.1f} times" for name, ratio in ratios.items()})

# %% [markdown]
# **Interpret.** The same losses, for it is the same computation, done once. How much is saved
# depends on what is left to do. `small_resnet` ends in one matrix on 192 numbers: nearly all the
# work was the base, and the ratio goes towards twenty. The head of `mini_xception` is itself a
# convolution, and the whole of its base costs little.
#
# ## Frozen, fine-tuned, or from nothing
#
# A frozen base sees drawn faces with eyes made for photographs. **Fine-tuning** lets it learn too,
# after the head, so that the head's first wrong gradients do not spoil it. borgalli2022 does
# neither: its networks are "taught from begin".
#
# **Predict.** mini-Xception, our 300 faces: the head on frozen features; then four epochs of
# fine-tuning; and four epochs from random weights. Which order, and by how much?
#
# **Run** the cell.

# %% tags=["tolerance:0.25"] reason="losses after a short training differ a little between processors"
tuned = from_ferplus("mini_xception")
frozen = best(train_head(tuned))
fine = train.fit(models.unfreeze(tuned), learn, valid, plain, epochs=4, **options)
fresh = models.create("mini_xception", classes=learn.classes, seed=0)
nothing = train.fit(fresh, learn, valid, plain, epochs=4, **options)
for name, share in {"frozen": frozen, "fine": best(fine), "from nothing": best(nothing)}.items():
    print(f"{name:13}{share:.2f}")

# %% [markdown]
# Their curves, the fine-tuned one first:

# %%
plots.show(plots.history(fine))
plots.show(plots.history(nothing))

# %% [markdown]
# **Interpret.** With 300 faces a start from nothing has hardly begun after four epochs, while a head
# on eyes that photographs have trained names most drawn faces at once. That is what transfer is for:
# few faces, little time. With all 5,310 faces and 100 epochs the start from nothing catches up: the
# kit's `mini_xception_facs3d` was trained like that. And mind the comparison: the frozen net was
# trained on 25,060 photographs before, which "four epochs" does not count. (On `fer2013`
# and `ferplus` these are the photographs themselves: there it is at home already, and fine-tuning on
# 300 of them may cost it something.)
#
# The published bases are used in the same way, if you may fetch them: `vgg16_gap` with ImageNet's
# weights, `vgg_face` with those of its authors (`models.create(..., base_weights=...)`). On the
# command line:
#
# ```
# python -m fer_utils train --model vgg16_gap --base-weights imagenet --freeze-base --recipe mazen2021 --out DIR
# ```
#
# ## A network from elsewhere
#
# torchvision has dozens of networks. `models.wrap` makes one of the kit's of it, and `fit`,
# `evaluate` and the saliency maps take it. Here ResNet-18, random weights, at 48 x 48. Its
# `transforms` work on faces too: a call draws once for all it is given, so it is called face by
# face (the kit's `augment` draws for every face of a batch at once).

# %%
vision = models.torchvision()
torch.manual_seed(0)
warp = vision.transforms.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))
warped = [warp(torch.tensor(face)) for face in learn.images[:5]]
titles = ["as it is"] * 5 + ["warped"] * 5
plots.show(plots.faces([*learn.images[:5], *(face.numpy() for face in warped)], titles, columns=5))

# %% [markdown]
# What comes in from outside the picture is black here; the kit repeats the picture's last pixels.
#
# **Predict.** It has 11 million parameters, 200 times those of mini-Xception, and batch norm. Will
# its training loss leave 1.95 within two epochs on 300 faces?
#
# **Run** the cell.

# %% tags=["tolerance:0.25"] reason="losses after a short training differ a little between processors"
torch.manual_seed(0)
resnet = vision.models.resnet18(num_classes=len(learn.classes))
net = models.wrap(resnet, learn.classes, size=48)
history = train.fit(net, learn, others, plain, epochs=2, **options)
print(f"{models.count(net):,} parameters")
print(f"training loss after two epochs {history.epochs[-1]['train_loss']:.2f}; ln 7 = {chance:.2f}")

# %% [markdown]
# **Interpret.** At once: batch norm again. On 300 faces so large a network soon knows them by heart,
# and the validation faces tell whether that helps. Its published weights are for pictures of
# 224 x 224, and wrapped with `mean=`, `std=` and `size=224` they are used as they were trained.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: dropout of 0.7 (easy)
#
# `light_vgg` drops seven of ten units in its head. It learned the batch by heart without. Does it
# with (`late=0`)? It has only four convolutions. How far does its training loss come down?
#
# <details><summary>Hint 1</summary>
#
# `by_heart("light_vgg", late=0)` trains it again; `.history.epochs` has a row for each look at the batch.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The lowest `row["train_loss"]` is asked.
#
# </details>

# %% tags=["starter", "tolerance:0.25"] reason="losses after a short training differ a little between processors"
without = min(epoch["train_loss"] for epoch in rows["light_vgg"].history.epochs)
print(f"without dropout, lowest loss: {without:.2f}")
lowest = None  # training loss
check.ex5_1(lowest)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Its loss jumps between 1.83 and 2.08 for twenty looks, since each time another 30 % of the units
# answer. So depth is not needed for the trouble.
#
# </details>

# %% tags=["solution"]
dropped = by_heart("light_vgg", late=0)
lowest = min(row["train_loss"] for row in dropped.history.epochs)
check.ex5_1(lowest)

# %% [markdown]
# ### Exercise 2: fine-tuning too fast (hard)
#
# Repeat the fine-tuning with `replace(plain, learning_rate=0.03)` and with 0.0001. Begin with a fresh
# `from_ferplus("mini_xception")` and `train_head` each time. At which of the two rates is nothing left of
# the transfer?
#
# <details><summary>Hint 1</summary>
#
# The cell of the section "Frozen, fine-tuned, from nothing" does all of it for one rate: wrap it in a loop.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Compare `best(fine)` of both with `frozen` and with `best(nothing)`.
#
# </details>

# %% tags=["starter"]
forgets = None  # the rate
check.ex5_2(forgets)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Below, one epoch of each, to be quick; four show the recovery too.
#
# At 0.03 the first epoch throws the net back to where a start from nothing stands: the base has
# forgotten. At 0.0001 it stays near the frozen net's accuracy and rises slowly. A rate for
# fine-tuning is smaller than one for a start from nothing, and it is chosen on validation faces.
#
# </details>

# %% tags=["solution", "tolerance:0.25"] reason="losses after a short training differ a little between processors"
from copy import deepcopy

tuned, after = from_ferplus("mini_xception"), {}
train_head(tuned)
for rate in (0.03, 0.0001):
    net, other = models.unfreeze(deepcopy(tuned)), replace(plain, learning_rate=rate)
    after[rate] = best(train.fit(net, learn, valid, other, epochs=1, **options))
    print(f"{rate:.4f}: {after[rate]:.2f}")
forgets = min(after, key=after.get)
check.ex5_2(forgets)

# %% [markdown]
# ### Exercise 3: what do derivatives cost? (medium)
#
# With the pickers, train `mini_xception` with inputs `gray+sobel`, once fused as `concat` and once as
# `parallel` (one network for each kind of channel). Compare faces per second and memory with the
# row of `gray`. Which of the two costs more, and why?
#
# <details><summary>Hint 1</summary>
#
# The pickers keep a row for each training: set inputs and fusion, press Train twice.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# How many layers see the further channels, in each of the two?
#
# </details>

# %% tags=["starter"]
costs_more = None  # "concat" or "parallel"
check.ex5_3(costs_more)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Speed and memory are measured, and differ from machine to machine; the cell below counts the multiplications for a face,
# which decide. `parallel`: it has two whole networks, so twice the work. Concatenated, only the
# first layer sees more channels, and all others work as before.
#
# </details>

# %% tags=["solution"]
from fer_utils.models import summary

work = {}
for fusion in ("concat", "parallel"):
    net = models.create("mini_xception", inputs="gray+sobel", fusion=fusion)
    work[fusion] = sum(row["MACs"] for row in summary.layers(net))
print(work)
costs_more = max(work, key=work.get)
check.ex5_3(costs_more)

# %% [markdown]
# ### Exercise 4: features that do not fit (medium)
#
# `train_head` uses a recipe without augmentation. Give it alessi2019's. What does `fit` say, and what
# would it have to do instead?
#
# <details><summary>Hint 1</summary>
#
# `train.fit(models.head(net), *seen, recipe, epochs=1, **options)` with `seen` as in `train_head`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# After `from fer_utils import FerError`, `try: ... except FerError as error:` keeps what it says, `str(error)`.
#
# </details>

# %% tags=["starter"]
said = None  # the words of the error
check.ex5_4(said)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# It says that the features were computed from faces as they are. A mirrored face has other features,
# and only the base knows them: train the whole net with its base frozen, or store the features of
# several augmented copies of every face.
#
# </details>

# %% tags=["solution"]
from fer_utils import FerError

net = from_ferplus("mini_xception")
seen = models.features(net, learn), models.features(net, valid)
try:
    train.fit(models.head(net), *seen, train.recipe("alessi2019"), epochs=1, **options)
except FerError as error:
    said = str(error)
check.ex5_4(said)

# %% [markdown]
# ## Recap
#
# - A row of the table belongs to an architecture, a recipe, faces, a side, a seed and a machine;
#   `train.measured` and the pickers write it, and loss and accuracy repeat while times do not.
# - One batch by heart takes seconds and finds what no night would mend. It is necessary, not enough.
# - A flat curve at the share of the largest class: leave dropout and augmentation out at first
#   (`late`), take a smaller rate, scale the first weights by some faces, or use batch norm.
# - With few faces begin with a trained base, frozen, its features computed once; then fine-tune at a
#   smaller rate. From nothing one needs more faces and more time.

# %% [markdown]
# Previous: [04 Training](04_training.ipynb) | Next: [06 Confusion and precision](06_confusion_and_precision.ipynb)
