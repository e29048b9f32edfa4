# %% [markdown]
# # Training
#
# **You will be able to**
#
# - compute the loss, its gradient and a step of Adam by hand, and write a training loop in some
#   twenty lines;
# - train from a recipe with `train.fit`, watch it, choose a number of it on validation data, and
#   say what each part of it brings;
# - choose an epoch honestly, and say how much the best of many flatters;
# - repeat a training exactly, resume one that was interrupted, and recognise one that diverged.
#
# **Read first:** [03 Architectures](03_architectures.ipynb). The papers are alessi2019 and
# minaee2019.
#
# **Time:** about 65 minutes to read and run on a laptop CPU, 55 more for the exercises; the cells compute two to three.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# We also need numpy, torch and matplotlib themselves.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

# %% [markdown]
# A real training takes an hour or a night. Ours must take seconds, so we learn from 2,000 faces
# drawn at random from the training split, and validate on 500. What you see here are the first
# steps of a training; the networks of the other notebooks went the whole way.

# %%
def some(faces, count, seed=0):
    return faces.take(np.random.default_rng(seed).permutation(len(faces))[:count])


everyone = data.load(DATASET, progress=False)
learn = some(everyone.where(split="train"), 2000)
valid = some(everyone.where(split="valid"), 500)
print(learn)
print(valid)

# %% [markdown]
# ## The loss by hand
#
# The network gives seven scores (logits). Softmax turns them into probabilities: take the
# exponential of each, divide by the sum. The loss is the **cross-entropy**: minus the logarithm of
# the probability given to the right class, averaged over the batch.
#
# **Predict.** A network that knows nothing gives each of the seven classes the same probability.
# What is its loss: 0, 1, or about 2?
#
# **Run** the cell. The first face gets equal scores, the second a high score for class 3 (happy),
# and both are happy.

# %%
logits = np.array([[0.0, 0, 0, 0, 0, 0, 0], [0.0, 0, 0, 4, 0, 0, 1]])
labels = np.array([3, 3])
exponentials = np.exp(logits - logits.max(1, keepdims=True))  # no overflow; same quotient
p = exponentials / exponentials.sum(1, keepdims=True)
losses = -np.log(p[np.arange(2), labels])
print("probability of the right class:", p[np.arange(2), labels].round(3))
print("losses:", losses.round(3), " mean:", losses.mean().round(3))
theirs = F.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
print("torch agrees:", abs(theirs - losses.mean()) < 1e-6)

# %% [markdown]
# **Interpret.** Equal scores give each class 1/7, and the loss is ln 7 = 1.946. Keep that number: a
# training loss near 1.95 means that nothing has been learned yet, and one far **above** it that the
# network is sure of wrong answers. The second face is right with probability 0.88 and its loss is
# still 0.13: cross-entropy is content only at 1.
#
# ## One gradient step by hand
#
# The simplest network is one matrix W: logits = pixels x W. For softmax with cross-entropy the
# gradient is short. For the logits it is p - y, where y is 1 at the right class and 0 elsewhere; so
# for W it is the sum over the faces of pixel x (p - y), divided by their number.

# %%
x = learn.images.reshape(len(learn), -1) / 255.0 - 0.5
y = np.eye(len(learn.classes))[learn.labels]
W = np.zeros((x.shape[1], y.shape[1]))


def loss_of(W):
    scores = x @ W
    scores = scores - scores.max(1, keepdims=True)
    return (np.log(np.exp(scores).sum(1)) - (scores * y).sum(1)).mean()

# %% [markdown]
# With W = 0 every p is 1/7. The gradient by hand, and the one that torch finds by itself:

# %%
gradient = x.T @ (1 / y.shape[1] - y) / len(x)
weights = torch.zeros(W.shape, dtype=torch.double, requires_grad=True)
F.cross_entropy(torch.tensor(x) @ weights, torch.tensor(learn.labels)).backward()
print("torch agrees:", np.allclose(gradient, weights.grad, atol=1e-10))

# %% [markdown]
# A step goes against the gradient: W - rate x gradient.
#
# **Predict.** A step with rate 0.01 lowers the loss a little. What does a rate a thousand times as
# large do: lower it a thousand times as much, or at least more?
#
# **Run** the cell.

# %%
rates = np.geomspace(1e-3, 10, 60)
after = [loss_of(W - rate * gradient) for rate in rates]
figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.semilogx(rates, after, color="#20457c")
ax.axhline(loss_of(W), color="#8c8c8c", ls=":")
ax.set(xlabel="rate of the one step", ylabel="loss after it", ylim=(min(after) - 0.05, 2.5))
plots.show(figure, alt="Line: the loss after one step against the learning rate. It falls slightly "
           "below the dotted starting value, then climbs steeply above it.")

# %% [markdown]
# **Interpret.** The dotted line is the start, 1.946. Small steps go below it. The gradient is the
# slope at the spot where we stand: it is right about the direction and knows nothing about the
# distance. Beyond some rate the step lands on the far side of the valley, higher than it started.
# That is why the learning rate is the first number to get right.
#
# ## The training loop by hand
#
# All of deep learning is this step, repeated on small batches. The whole data set lies on the
# device as uint8 (a quarter of the memory of float32), and a batch becomes float when its turn
# comes.

# %%
images = torch.tensor(learn.images)
labels = torch.tensor(learn.labels)


def one_epoch(net, optimizer, batch=32):
    net.train()
    total = 0.0
    for rows in torch.randperm(len(images)).split(batch):
        loss = F.cross_entropy(net(images[rows].float() / 255), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(images)

# %% [markdown]
# Ten lines for an epoch. Round them we need a network, an optimiser and the epochs: another five,
# and two of them to let the learning rate fall.
#
# **Predict.** Two epochs with Adam, an optimiser that gives every weight its own step size. The
# training loss will fall. Will the accuracy on the validation faces be better than guessing?
#
# **Run** the cell.

# %% tags=["tolerance:0.1"] reason="losses after a short training differ a little between processors"
torch.manual_seed(0)
net = models.create("mini_xception", classes=learn.classes, seed=0)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
losses = []
while len(losses) < 2:  # epochs
    losses.append(one_epoch(net, optimizer))
    schedule.step()
print(f"training loss {losses[0]:.2f}, then {losses[1]:.2f}; ln 7 = {np.log(7):.3f}")
as_it_is = evaluate.evaluate(net, valid).accuracy.value
print("better than 30 % on the validation faces:", as_it_is > 0.3)

# %% [markdown]
# **Interpret.** The loss fell well below 1.946: the network has learned something, and yet it
# fails on the validation faces. Overfitting, after two epochs? No: it would fail on its own
# training faces too. During training, batch normalisation uses the mean and variance of the batch;
# at evaluation it uses running ones, and after each step those keep 99 % of what they were
# (Keras's momentum; they start at mean 0, variance 1). After 126 steps the start still weighs:

# %%
print(f"0.99^126 = {0.99**126:.2f}")

# %% [markdown]
# **Predict.** Let the trained network look at the training faces once more, without learning, and
# take the plain average of the batches' means and variances. No weight changes. Does the validation
# accuracy?
#
# **Run** the cell.

# %%
norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
for norm in norms:
    norm.reset_running_stats()
    norm.momentum = None  # torch's way to ask for a plain average
net.train()
with torch.inference_mode():
    for batch in images.split(100):
        net(batch.float() / 255)
averaged = evaluate.evaluate(net, valid).accuracy.value
print("better by more than 5 points:", averaged - as_it_is > 0.05)

# %% [markdown]
# **Interpret.** The same weights, other statistics, a network that works. Over a long training the
# running statistics catch up by themselves, so the papers never mention this. In short runs it is a
# trap. `train.fit` therefore takes the plain average during the first steps.
#
# Is our loop what `train.fit` does? We ask it for the same: Adam, this rate, this decay, and
# nothing else. It draws the faces in another order, so the losses can only be nearly the same.

# %%
plain = train.Recipe(source="by hand", schedule="exponential", decay=0.95)
net = models.create("mini_xception", classes=learn.classes, seed=0)
history = train.fit(net, learn, valid, plain, epochs=2, progress=False)
theirs = [row["train_loss"] for row in history.epochs]
print("the losses are the same to 0.1:", np.abs(np.subtract(losses, theirs)).max() < 0.1)
print("validation works at once:", history.best["valid_accuracy"] > as_it_is + 0.05)

# %% [markdown]
# The same course. What `fit` adds is what the twenty lines lack: validation, the best epoch,
# augmentation, L2, a state to resume from, and a watch over losses that are no numbers any more.
#
# ## Adam by hand
#
# alessi2019 prints its optimiser as five equations. With the gradient g, the rate eta and the step's
# number t = 1, 2, ...:
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad
# v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2,$$
#
# $$\hat m_t = \frac{m_t}{1 - \beta_1^t}, \qquad \hat v_t = \frac{v_t}{1 - \beta_2^t}, \qquad
# w_t = w_{t-1} - \eta\, \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}.$$
#
# m is a running mean of the gradients and v one of their squares, for every weight by itself. Both
# start at 0 and are too small at first; the hats repair that.


# %%
def adam(w, gradient_of, steps, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, steps + 1):
        g = gradient_of(w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return w


# %% [markdown]
# We let it train the matrix W of above, on all 2,000 faces at every step. Its gradient again:


# %%
def gradient_of(W):
    p = np.exp(x @ W)
    p /= p.sum(1, keepdims=True)
    return x.T @ (p - y) / len(x)


# %% [markdown]
# **Predict.** Some entries of the gradient are more than a hundred times as large as others. The
# steps of plain gradient descent differ as much. By how much do Adam's first steps differ?
#
# **Run** the cells. Then ten steps, and the same ten by torch.

# %% tags=["tolerance:1e-2"] reason="percentiles of float sums, printed to few digits"
sizes = np.abs(gradient)
first = np.abs(adam(W, gradient_of, steps=1))
for name, values in (("gradient", sizes), ("first step", first)):
    low, high = np.percentile(values, (5, 95))
    print(f"{name:10} nine of ten lie between {low:.6f} and {high:.6f}")

# %% [markdown]
# torch's optimiser takes the gradient that `backward` leaves beside the weights:

# %%
weights = torch.zeros(W.shape, dtype=torch.double, requires_grad=True)
optimizer = torch.optim.Adam([weights], lr=1e-3)
for _ in range(10):
    optimizer.zero_grad()
    F.cross_entropy(torch.tensor(x) @ weights, torch.tensor(learn.labels)).backward()
    optimizer.step()

# %% [markdown]
# Ours beside it:

# %%
ours = adam(W, gradient_of, steps=10)
print("ten steps, torch agrees:", np.allclose(ours, weights.detach(), rtol=0, atol=1e-8))

# %% [markdown]
# **Interpret.** At t = 1 the hats are g and g squared, so the step is eta g / |g|: its length is the
# rate, whatever the gradient's, and only its sign is left. Later a weight whose gradients agree keeps
# that length, and one whose gradients change their sign takes shorter steps, since m shrinks and v
# does not. A rate of 0.001 says how far a weight may go in a step. That is why it fits so many
# networks.
#
# ## Adam or SGD?
#
# minaee2019 trains by "stochastic gradient descent approach (more specifically Adam optimizer)".
# Plain stochastic gradient descent (SGD) is the step of above: rate x gradient of a batch.
#
# **Predict.** SGD from the same first weights, with the same batches. With Adam's rate of 0.001,
# will its loss over the first epoch be lower than Adam's, about the same, or higher? And with 0.01?
#
# **Run** the cells. Adam's loss is that of our own loop.


# %%
def epoch_of_sgd(rate):
    torch.manual_seed(0)  # the order of the faces, too
    net = models.create("mini_xception", classes=learn.classes, seed=0)
    return one_epoch(net, torch.optim.SGD(net.parameters(), lr=rate))


# %% [markdown]
# One epoch for each rate:

# %% tags=["tolerance:0.1"] reason="losses after a short training differ a little between processors"
slow, faster = epoch_of_sgd(0.001), epoch_of_sgd(0.01)
print(f"loss over the epoch: Adam {losses[0]:.2f}, SGD {slow:.2f}, SGD at 0.01 {faster:.2f}")

# %% [markdown]
# **Interpret.** The same number, two meanings. SGD's step is as long as the gradient makes it, so
# its rate must be found for each network and each loss; Adam's hardly asks. That makes Adam
# convenient and not better: compare two optimisers only with a rate chosen for each.
# The kit's recipe `small_resnet` is SGD at 0.1 with momentum, and its best network for photographs
# came from it.
#
# ## A recipe is data
#
# A `Recipe` says what `train.fit` does. This is alessi2019's:

# %%
recipe = train.RECIPES["alessi2019"]
for name, value in recipe.as_dict().items():
    if name != "notes":
        print(f"{name:16}{value}")

# %% [markdown]
# **Predict.** alessi2019 explains its training over several pages: optimiser, rate, decay, batch,
# epochs, L2, augmentation, split. Could you repeat it from the paper alone, to the number?
#
# **Run** the cell: the recipe's notes say where the paper is silent.

# %%
for note in recipe.notes:
    print("-", note)

# %% [markdown]
# **Interpret.** No. The paper names the kinds of augmentation and not their ranges, and it gives no
# seed. That is normal: no two papers of this course state everything. A recipe with notes keeps the
# guesses apart from the facts.
#
# Some fields of the list are empty here and wait for other recipes: `votes` learns from the shares
# of the taggers' votes instead of one label, `mixup` mixes pairs of faces and their targets,
# `label_smoothing` asks for a little less than certainty, `late` keeps dropout and augmentation out
# of the first epochs, `distil` softens a label by what the net itself said of the face an epoch
# before. `replace(recipe, mixup=0.2)` switches one on.
#
# ## Augmentation: one face, nine copies
#
# In every epoch each face is turned, moved, zoomed and mirrored by random amounts before the
# network sees it. It is the affine warp of notebook 03, with a random theta instead of a learned
# one.

# %%
from fer_utils.train.augment import affine_matrices, augment

face = learn.take(0).pictures()
nine = face.expand(9, -1, -1, -1)
copies = augment(nine, recipe.augmentation, torch.Generator().manual_seed(1))
thetas = affine_matrices(9, recipe.augmentation, torch.Generator().manual_seed(1))
grid = F.affine_grid(thetas, nine.shape, align_corners=False)
by_hand = F.grid_sample(nine, grid, padding_mode="border", align_corners=False)
print("the warp by hand is the same:", torch.equal(by_hand, copies))

# %% [markdown]
# **Predict.** A copy keeps the label of the original. For which of the recipe's changes might that
# be wrong: mirroring, turning by up to 10 degrees, moving by a tenth, zooming by a tenth?
#
# **Run** the cell. The determinant of the 2 x 2 part of theta is negative where a copy is mirrored.

# %%
mirrored = torch.linalg.det(thetas[:, :, :2]) < 0
titles = ["original"] + ["mirrored" if m else "plain" for m in mirrored]
plots.show(plots.faces(torch.cat([face, copies]), titles, columns=5))

# %% [markdown]
# **Interpret.** A mirrored smile is a smile, and the others are as small as what a face detector
# gets wrong anyway: the label stays right. The rim of a moved picture is filled by repeating its
# last pixels. A change is allowed if it does not change what people would say; turning by 180
# degrees would, and for a one-sided expression such as contempt even mirroring deserves a thought.
#
# ## `train.fit`, and its curves while you wait
#
# Six epochs over half of the 2,000 faces. `fit` calls `on_epoch` with the history so far after every epoch;
# here it is a widget that draws it. (`progress=False` keeps the bar out of the page; leave it away
# when you wait for a long run.)
#
# **Predict.** Training accuracy is measured on augmented faces while the weights still change,
# validation accuracy on plain faces at the end of the epoch. Which curve will lie higher? Which
# will be smoother?
#
# **Run** the cell and watch the curves grow.

# %%
from IPython.display import display

live = widgets.live_history(epochs=6)
display(live)
net = models.create("mini_xception", classes=learn.classes, seed=0)
options = {"epochs": 6, "seed": 0, "progress": False}
half = learn.take(slice(0, 1000))
history = train.fit(net, half, valid, recipe, **options, on_epoch=live)
print(history.stopped)

# %% [markdown]
# A page that cannot show widgets has nothing above, so here are the curves once more, as a figure:

# %%
plots.show(plots.history(history))

# %% [markdown]
# **Interpret.** The training curve is the smoother one: it is an average over 1,000 faces and all
# steps of the epoch. Validation is one look, at 500 faces, through running statistics that are
# still young, and may jump. Do not read a jump of a few points as an event. In so short a training
# either curve may lie higher; in a long one training wins, and the gap is called overfitting. The
# loss shown is the cross-entropy without the L2 term.
#
# Why watch at all? A loss that stands still at 1.95, or a validation curve that turns down while
# training climbs, is seen after three epochs and not after eighty; interrupt the kernel, and `fit`
# keeps the best epoch so far.
#
# ## Learning-rate decay
#
# alessi2019 multiplies the rate by 0.95 after every epoch, so epoch $t$ has
# $0.001 \times 0.95^{t-1}$.
#
# **Predict.** How much of the rate is left in the last of 80 epochs: a half, a tenth, a fiftieth?
#
# **Run** the cell. First the six of our history, beside the formula, then the eightieth.

# %%
for row in history.epochs:
    by_hand = 0.001 * 0.95 ** (row["epoch"] - 1)
    print(f"epoch {row['epoch']}: {row['learning_rate']:.6f}  by hand {by_hand:.6f}")
print(f"epoch 80: {0.95**79:.4f} of the first")

# %% [markdown]
# **Interpret.** Less than a fiftieth. Five per cent per epoch sounds like little, but it is a
# factor of ten every 45 epochs. Large steps first to cross the valley, small ones later to settle
# in it. For six epochs the decay hardly matters.
#
# ## The L2 term
#
# Both papers add the sum of squared weights to the loss, times a factor lambda, so that weights
# stay small. They mean different weights: alessi2019 those of the convolutions (lambda = 0.01),
# minaee2019 those of the last two fully connected layers. Its equation (1):
#
# $$L_{overall} = L_{classifier} + \lambda \, \|w_{(fc)}\|_2^2$$
#
# **Predict.** At the start the cross-entropy is about 1.95. How large is the L2 term: tiny beside
# it, or larger?
#
# **Run** the cell. It adds up the squares by hand, for both networks.

# %%
mini, deep = models.create("mini_xception", seed=0), models.create("deep_emotion", seed=0)
convolutions = [m.weight for m in mini.modules() if isinstance(m, torch.nn.Conv2d)]
last_two = [deep.trunk.head[2].weight, deep.trunk.head[4].weight]
by_hand = {}
for name, weights in (("alessi2019", convolutions), ("minaee2019", last_two)):
    by_hand[name] = sum((weight**2).sum().item() for weight in weights)
    l2 = train.RECIPES[name].l2
    print(f"{name}: lambda {l2} x sum of squares {by_hand[name]:.0f} = {l2 * by_hand[name]:.1f}")

# %% [markdown]
# The kit picks the weights by what the recipe's `l2_on` says:

# %%
from fer_utils.train.optim import penalized_weights

for name, net in (("alessi2019", mini), ("minaee2019", deep)):
    chosen = penalized_weights(net, train.RECIPES[name].l2_on)
    squares = sum(weight.square().sum().item() for weight in chosen)
    print(name, len(chosen), "layers, the same:", np.isclose(squares, by_hand[name]))

# %% [markdown]
# **Interpret.** In alessi2019's recipe the L2 term is at first **larger** than the loss it is added
# to, so a good part of the first steps goes into making weights smaller. In minaee2019's it is
# a tenth or less of the loss (with the kit's lambda; the paper does not state its own). One word,
# "L2", two different treatments: without lambda and the list of layers it says little.
#
# A short run shows the effect. `few` are 400 of these 1,000 faces; the network shrinks them to 32 x 32
# pixels, and three epochs take a second or two.

# %%
few, fewer = some(half, 400), some(valid, 300)


def small_net(seed):
    return models.create("mini_xception", classes=learn.classes, input_size=32, seed=seed)


def short_run(seed, recipe=recipe):
    net = small_net(seed)
    return net, train.fit(net, few, fewer, recipe, epochs=3, seed=seed, progress=False)

# %% [markdown]
# **Predict.** Train once with lambda = 0.01 and once with 0. Which network ends with the smaller
# weights? And how does the sum of squares of the second compare with its start?
#
# **Run** the cell.

# %% tags=["tolerance:0.1"] reason="sums of weights after a short training differ a little elsewhere"
def squares(net):
    return sum(weight.square().sum().item() for weight in penalized_weights(net, "convolutions"))


start = squares(small_net(0))
with_l2, history_0 = short_run(0)
without, _ = short_run(0, replace(recipe, l2=0.0))
print(f"sum of squares, with L2: {squares(with_l2) / start:.2f} of the start")
print(f"without L2: {squares(without) / start:.2f} of the start")

# %% [markdown]
# **Interpret.** Without the term the sum hardly moves in three epochs; with it the weights
# shrink. Whether that helps on new faces is another question, which a run of three
# epochs cannot answer.
#
# ## Choosing lambda
#
# "The regularization weight, lambda, is tuned on the validation set" (minaee2019), and no value is
# given. To tune is to try: train once for each of some values, and keep the one that does best on
# the validation faces.
#
# Deep-Emotion itself takes minutes per training. But its term speaks of the last two layers only.
# So we take the convolutions of the kit's Deep-Emotion for photographs as they are, compute what
# they see in every face once, and train new last layers on that. (On `fer2013` these convolutions
# know the training faces.)

# %%
deep = models.pretrained("deep_emotion_fer2013")
with torch.no_grad():
    seen, seen_valid = (
        deep.trunk.features(deep.trunk.transformer(deep.prepare(part.pictures())))
        for part in (few, valid)
    )
print("of each face:", tuple(seen.shape[1:]), "numbers")

# %% [markdown]
# One training is 60 steps, each on all of `few`:


# %%
def last_layers(l2):
    head = models.create("deep_emotion", classes=few.classes, seed=0).trunk.head
    optimizer = torch.optim.Adam(head.parameters(), lr=5e-3)
    torch.manual_seed(0)  # dropout
    for _ in range(60):
        squared = sum(head[layer].weight.square().sum() for layer in (2, 4))
        loss = F.cross_entropy(head(seen), torch.tensor(few.labels)) + l2 * squared
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


# %% [markdown]
# **Predict.** Five values from 0 to 0.1. Draw two curves over lambda, the accuracy on the training
# faces and on the validation faces. Where is each highest?
#
# **Run** the cells. First what counts the right answers:


# %%
def score(head, maps, faces):
    right = head(maps).argmax(1) == torch.tensor(faces.labels)
    return evaluate.Accuracy(int(right.sum()), len(faces))


# %% [markdown]
# Then the five trainings, a second for each:

# %%
tried = {l2: last_layers(l2) for l2 in (0, 1e-4, 1e-3, 1e-2, 1e-1)}
on_few = [score(head, seen, few) for head in tried.values()]
on_valid = [score(head, seen_valid, valid) for head in tried.values()]

# %% [markdown]
# How far do the five differ, for the eyes of 500 faces?

# %%
best = max(on_valid, key=lambda accuracy: accuracy.value)
print("others in the best one's interval:", sum(a.value > best.low for a in on_valid) > 1)
print("0.1 is not among them:", on_valid[-1].value < best.low)

# %% [markdown]
# The bars are the 95 % intervals of 500 faces.

# %%
figure, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
values = [accuracy.value for accuracy in on_valid]
bars = [[a.value - a.low for a in on_valid], [a.high - a.value for a in on_valid]]
ax.errorbar(range(5), values, bars, fmt="o-", color="#20457c", capsize=3, label="validation")
ax.plot(range(5), [a.value for a in on_few], "s--", color="#8c8c8c", label="training")
ax.set(xticks=range(5), xticklabels=tried, xlabel="lambda", ylabel="accuracy", ylim=(0, 1.02))
ax.legend(loc="lower left")
plots.show(
    figure,
    alt="Accuracy against lambda: on training faces it starts high and falls; on validation faces "
    "it is level within the bars up to 0.01. At 0.1 both are low.",
)

# %% [markdown]
# **Interpret.** On the training faces the term can only cost: it keeps weights from the values that
# fit best. At 0.1 it wins, the weights go to nearly nothing, and every face gets the most frequent
# answer. Between the other values the validation faces hardly decide: their points lie within each
# other's bars, and another seed may order them anew. So a coarse grid, each value ten times the one
# before, is as fine as 500 faces can see. The recipe's 0.001 lies in the level part, where it does
# not matter much which value one takes. And the winner's validation accuracy is the best of five
# looks at the same faces: it is no estimate of anything. What that costs is the next section.
#
# ## Which epoch do we keep?
#
# `fit` ends with the weights of the best **validation** epoch. alessi2019 has two sets only, and
# looks at its test set after each of 80 epochs. Does that make a difference?
#
# **Predict.** Imagine a network that does not improve at all: in every one of 80 epochs it is
# right with probability 0.60 on each face. We look at 500 faces after each epoch and report the
# best. What will we report on average: 60 %, 61 %, or 65 %?
#
# **Run** the cell. It plays this 2,000 times, for three sizes of the set we look at.

# %%
rng = np.random.default_rng(0)
for faces in (100, 500, 3589):
    accuracy = rng.binomial(faces, 0.60, size=(2000, 80)) / faces
    best, last = accuracy.max(1).mean(), accuracy[:, -1].mean()
    print(f"{faces:5} faces: last epoch {last:.0%}, best of 80 {100 * best:.1f} %")

# %% [markdown]
# **Interpret.** Nothing improved, and on 500 faces the best epoch looks five points better; even on
# 3,589, the size of FER2013's test set, two points. Among 80 numbers with noise one is lucky, and
# picking it keeps the luck. Here the epochs are independent,
# which is the worst case: in a real run, neighbouring epochs agree on most faces, and the flattery
# is smaller. It never goes the other way.
#
# Our own curve has six epochs. These numbers differ a little from computer to computer, so the
# tests of this notebook do not compare them.

# %% tags=["nbval-ignore-output"] reason="accuracies after a short training differ between processors"
accuracies = [row["valid_accuracy"] for row in history.epochs]
print("validation accuracy by epoch:", [f"{value:.1%}" for value in accuracies])
print(f"best: epoch {history.best_epoch}, {max(accuracies):.1%}   last: {accuracies[-1]:.1%}")

# %% [markdown]
# The cure is not to report the last epoch. It is a third set: **choose** on validation, and look
# at the test split once, when everything is chosen. The chosen epoch's validation accuracy is
# flattered; its test accuracy is not.
#
# ## Seeds
#
# The seed fixes the first weights, the order of the faces, augmentation and dropout.
#
# **Predict.** Train twice with seed 0. Are the weights equal to about three digits, or bit by bit?
#
# **Run** the cells. `with_l2` above was a run with seed 0; a second one follows.

# %%
def equal(net, other):
    pairs = zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(ours, theirs) for ours, theirs in pairs)

# %% [markdown]
# It compares all weights and running statistics:

# %%
again, _ = short_run(0)
print("seed 0 twice, the same weights:", equal(with_l2, again))

# %% [markdown]
# **Interpret.** Bit by bit, on one machine with one version of torch. On another processor sums are
# rounded in another order, and after some steps the runs part. A seed makes a run repeatable; it
# does not make it right.
#
# **Predict.** How far apart are three runs that differ in nothing but the seed?
#
# **Run** the cell.

# %%
histories = [history_0, short_run(1)[1], short_run(2)[1]]
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
titles = {"train_loss": "training loss", "valid_accuracy": "validation accuracy"}
for seed, (run, style) in enumerate(zip(histories, ("-", "--", ":"), strict=True)):
    for ax, (key, title) in zip(axes, titles.items(), strict=True):
        values = [row[key] for row in run.epochs]
        ax.plot(range(1, 4), values, style, color="#20457c", marker="o", ms=4, label=f"seed {seed}")
        ax.set(title=title, xlabel="epoch", xticks=range(1, 4))
axes[0].legend(frameon=False)
plots.show(figure, alt="Two line charts over three epochs, training loss and validation accuracy, "
           "each with three lines for seeds 0, 1 and 2 that differ.")

# %% [markdown]
# How precisely do 300 faces measure an accuracy near 30 %?

# %%
print(evaluate.Accuracy(correct=90, n=300))

# %% [markdown]
# **Interpret.** The interval is ten points wide: compare it with the differences in the right-hand
# chart. The left-hand chart has no such excuse, every run learns from the same 400 faces; what
# differs there is the seed alone, other first weights and another order. So "method A has 31 %,
# method B 33 %" from one run each is no result. pandey2019 reports average, minimum and maximum of
# four runs; that is the least one should do.
#
# ## What does each part bring?
#
# alessi2019 names three things that helped. Pictures in [-1, 1] "allowed us to increase the
# accuracy of our final model by 4%". With augmentation it was "gaining about 4%-5% more accuracy".
# And "it was necessary to decrease the learning rate"; for the decay it states no number. How
# often it trained, and what it compared with, it does not say.
#
# That can be tried: its network and its recipe on all training faces of `facs3d`, whole and with
# one part left out at a time, three seeds each. Twelve trainings are too slow for a page, so
# `fer_lab/experiments/training_parts.py` made them once. Three things
# differ from the paper: only 12 epochs instead of 80; a factor of the decay of 0.69, so that
# within them the rate still falls as far as in the paper's 80; and the epoch is chosen on
# validation faces, not on the test faces.
#
# **Predict.** Which of the three costs the most when it is left out? And will the three runs of one
# row, which differ in the seed only, lie within 4 points?
#
# **Run** the cells. The table is about `facs3d`, whatever data set you have chosen above.

# %%
runs = plots.read_table("../figures/training_parts.csv")
tests, trains = {}, {}
for run in runs:
    tests.setdefault(run["arm"], []).append(100 * int(run["correct"]) / int(run["n"]))
    seen = 100 * int(run["train_correct"]) / int(run["train_n"])
    trains.setdefault(run["arm"], []).append(seen)
print(len(runs), "runs, each scored on", runs[0]["n"], "test faces")

# %% [markdown]
# Every run is a dot. The grey band is the Wilson interval of one run at the first row's mean: how
# far the luck of drawing 909 faces would move a score. On the right, the accuracy on the training
# faces.

# %%
n = int(runs[0]["n"])
luck = evaluate.Accuracy(round(n * np.mean(tests["all three parts"]) / 100), n)
plots.show(plots.dots(
    tests,
    xlabel="test accuracy, %",
    band=(100 * luck.low, 100 * luck.high),
    band_label="luck of the faces (95 %)",
    notes={name: f"{np.mean(values):.1f}" for name, values in trains.items()},
    notes_label="on training faces",
))

# %% [markdown]
# All arms saw the same test faces, and a seed gives all arms the same first weights. So we may
# subtract run from run:

# %%
whole = np.array(tests["all three parts"])
for name in list(tests)[1:]:
    brought = whole - tests[name]
    each = "  ".join(f"{value:+5.1f}" for value in brought)
    print(f"{name:17} the part brought {brought.mean():+5.1f} points   (seeds: {each})")

# %% [markdown]
# **Interpret.** No part keeps its sign over the three seeds, and no mean is far from nothing. In
# three of the four rows the dots lie further apart than the 4 points of the paper. Someone who
# trains once with each setting finds a gain with one seed and a loss with another. That refutes
# nothing: these are 12 epochs on drawn faces, the paper trained 80 on photographs. It shows what a
# claim of 4 points needs before one can believe it: several runs, and their spread.
#
# Two of the parts do something all the same. The column on the right shows the first: without
# augmentation the network knows its training faces far better than new ones, with it about equally
# well. It has begun to learn by heart; what that costs on new faces, a longer training would have
# to show. The second part shows in the curves.
#
# **Predict.** The rate that does not fall stays at 0.001. What will the validation accuracy look
# like towards the end, beside the one with decay?
#
# **Run** the cell. Each line is one seed, as before.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True, layout="constrained")
for ax, arm in zip(axes, ("all three parts", "no decay"), strict=True):
    for run, style in zip((r for r in runs if r["arm"] == arm), ("-", "--", ":"), strict=True):
        curve = [100 * float(value) for value in run["valid_accuracy"].split()]
        ax.plot(range(1, 13), curve, style, color="#20457c", label=f"seed {run['seed']}")
    ax.set(title=arm, xlabel="epoch", xticks=range(1, 13, 2))
axes[0].set_ylabel("validation accuracy, %")
axes[0].legend(frameon=False)
plots.show(figure, alt="Two line charts over twelve epochs with three seeds each: with decay the "
           "validation accuracy rises and settles, without decay it jumps up and down to the end.")

# %% [markdown]
# The last epochs in numbers:

# %%
for arm in ("all three parts", "no decay"):
    ends = [100 * float(run["valid_accuracy"].split()[-1]) for run in runs if run["arm"] == arm]
    print(f"{arm:15} last epoch, mean of the seeds: {np.mean(ends):.1f} %")

# %% [markdown]
# **Interpret.** With the decay the curves settle. Without it they jump, by ten points and more
# from one epoch to the next, until the end. We keep the best epoch, and among jumps there are
# lucky ones: that hides the difference. Someone who keeps the last epoch sees a large gain from
# the decay, and finds with alessi2019 that it was "necessary". So what a part brings depends on
# the rest of the recipe, here on how the epoch is chosen.
#
# ## Why the scale of the pictures cannot matter much here
#
# The first layer of mini-Xception is a convolution without bias, and batch normalisation follows at
# once.
#
# **Predict.** Take one set of weights and the same faces three times: in [-1, 1], in [0, 1], and as
# 0 to 255. How much do the outputs of the first batch normalisation differ? Little, or by the
# factor 255?
#
# **Run** the cell. The network is in training mode, so the statistics are those of the batch. It
# tries the epsilon of the network, and one that is as good as nothing.

# %%
convolution, norm = models.create("mini_xception", seed=0).trunk.stem[0][:2]
pictures = images[:100].float()
scales = {"-1 to 1": pictures / 127.5 - 1, "0 to 1": pictures / 255}
for epsilon in (norm.eps, 1e-12):
    norm.eps = epsilon
    with torch.no_grad():
        raw = norm(convolution(pictures))
        for name, scaled in scales.items():
            change = (norm(convolution(scaled)) - raw).abs().mean() / raw.abs().mean()
            print(f"epsilon {epsilon:5g}: {100 * change:4.1f} % between {name} and 0 to 255")

# %% [markdown]
# **Interpret.** Multiply a picture by a and add b: its convolution is multiplied by a, and a
# constant is added. Batch normalisation takes away every constant and every factor. All that is
# left is epsilon, which is added to the variance so that nothing is divided by 0: it makes the
# outputs a little smaller where the pictures are small. For this network the three scales are the
# same thing but for epsilon, in training too. One of the seeds above moved by several points for
# so little: that is how far a small difference carries in a training, and how little one run says.
# Where the 4 points of the paper came from we cannot know. For a network without batch
# normalisation, such as VGG13, the scale is another matter.
#
# ## Interrupt and resume
#
# With `out=folder`, `fit` writes its whole state after each epoch: weights, optimiser, schedule,
# random generators, history. Ctrl-C stops the run in good order. A cell cannot press keys, so a
# hook presses Ctrl-C for us at the 32nd batch, in the middle of the third epoch of 13 batches.

# %%
def press_ctrl_c(net, at):
    batches = iter(range(1, at + 1))

    def hook(module, arguments):
        if module.training and next(batches) == at:
            raise KeyboardInterrupt

    return net.register_forward_pre_hook(hook)

# %% [markdown]
# **Predict.** Four epochs without a break, against four that were interrupted in the third and
# resumed by a fresh network. Will the weights be equal bit by bit, or only nearly?
#
# **Run** the cell. The folder is a temporary one.

# %%
import tempfile
from pathlib import Path

options = {"recipe": recipe, "epochs": 4, "seed": 0, "progress": False}
with tempfile.TemporaryDirectory() as folder:
    broken, fresh, whole = small_net(0), small_net(0), small_net(0)
    press_ctrl_c(broken, at=32)
    print(train.fit(broken, few, fewer, out=folder, **options).stopped)
    print(sorted(file.name for file in Path(folder).iterdir()))
    print(train.fit(fresh, few, fewer, out=folder, **options).stopped)
train.fit(whole, few, fewer, **options)
print("the same weights as without a break:", equal(fresh, whole))

# %% [markdown]
# **Interpret.** Bit by bit again. The third epoch was half done and is done anew, from the state at
# the end of the second. It works because the state holds **everything** that changes: with the
# weights alone, Adam would begin with empty averages and the faces would come in another order.
# `best.safetensors` is what you would publish; `last.pt` is only there for resuming.
#
# ## When it goes wrong
#
# **Predict.** Two runs with rates far too high: plain SGD at 100, and Adam at 1,000. Which of them
# will end in NaN ("not a number")?
#
# **Run** the cell.

# %%
wild = {"SGD": replace(recipe, optimizer="sgd", learning_rate=100.0),
        "Adam": replace(recipe, learning_rate=1000.0)}
for name, its_recipe in wild.items():
    net, history = short_run(0, its_recipe)
    finite = all(bool(value.isfinite().all()) for value in net.state_dict().values())
    losses = [row["train_loss"] for row in history.epochs]
    print(f"{name}: {history.stopped}")
    print("  the weights that are left are finite:", finite)
    print("  a finished epoch has a loss above 1000:", any(loss > 1000 for loss in losses))

# %% [markdown]
# **Interpret.** SGD's step grows with the gradient, and the gradient with the weights: the numbers
# overflow within the first epoch. `fit` stops, says so, and leaves the last good weights (here the
# untrained ones) instead of a network full of NaN. Adam's step is about the rate, however large the
# gradient is: huge weights, a loss far beyond a thousand, and no error at all. So
# the absence of NaN proves nothing. Look at the loss, and compare it with ln 7.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer. An open project for the first half of the course is described, with what counts in it,
# under [projects](../docs/teaching/projects.md).

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: check a gradient (easy)
#
# The gradient of the section "One gradient step by hand" claims that moving W[1000, 3] by a small
# h changes the loss by h x gradient[1000, 3]. Check it with two calls of `loss_of`.
#
# <details><summary>Hint 1</summary>
#
# A slope is a difference of two losses divided by the distance of the two places.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Go to both sides, `W + moved` and `W - moved`: they lie 2h apart.
#
# </details>

# %% tags=["starter"]
h, moved = 1e-4, np.zeros_like(W)
moved[1000, 3] = h
slope = None
check.ex4_1(slope, gradient)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The difference to both sides has an error of the order $h^2$; to one side only, of the order h. This
# check finds nearly every mistake in a gradient written by hand.
#
# </details>

# %% tags=["solution"]
slope = (loss_of(W + moved) - loss_of(W - moved)) / (2 * h)
check.ex4_1(slope, gradient)

# %% [markdown]
# ### Exercise 2: another recipe, the same faces (medium)
#
# Train a fresh mini-Xception with `train.RECIPES["one_cycle"]`, on `half` and `valid`, six
# epochs, seed 0, and draw its history. Where along the training is its learning rate the highest: at
# the "first step", "early", in the "middle", or "late"? Is it slower or faster than alessi2019's, and
# why can its curve not be compared with alessi2019's epoch by epoch?
#
# <details><summary>Hint 1</summary>
#
# The main run above has all you need; change the recipe.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `history.epochs` is a list with a `learning_rate` for each epoch, that of its first step.
#
# </details>

# %% tags=["starter"]
peak = None  # "first step", "early", "middle" or "late"
check.ex4_2(peak)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# For the rate a hundred faces are enough; for the curves take `half`, and `plots.history(other)`.
#
# Its rate rises for the first 15 % of the steps and falls to almost nothing at the end, and what is
# validated is a moving average of the weights. So validation is poor in the first epochs, when the
# average still holds young weights, and catches up late. The schedule is stretched over the number
# of epochs you ask for: epoch 3 of 6 and epoch 3 of 60 are different things.
#
# </details>

# %% tags=["solution"]
net = models.create("mini_xception", classes=learn.classes, seed=0)
few, one_cycle = half.take(slice(0, 100)), train.RECIPES["one_cycle"]
other = train.fit(net, few, few, one_cycle, epochs=6, progress=False)
rates = [row["learning_rate"] for row in other.epochs]
print("rate at each epoch's first step:", *(f"{rate:.4f}" for rate in rates))
peak = ["first step", "early", "early", "middle", "late", "late"][np.argmax(rates)]
check.ex4_2(peak)

# %% [markdown]
# ### Exercise 3: without augmentation (medium)
#
# Repeat the main run with `replace(recipe, augmentation=Augmentation())` (from
# `fer_utils.train.augment`). Which curve changes more, "training" or "validation"? What would you
# expect after 80 epochs?
#
# <details><summary>Hint 1</summary>
#
# `plots.history` draws both curves: put the new picture beside the old one.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Without augmentation the faces are the same in every epoch. Which of the two curves is about these very
# faces?
#
# </details>

# %% tags=["starter"]
changes_more = None  # "training" or "validation"
check.ex4_3(changes_more)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The code below does it on 150 faces for both, to be quick; with `half`, `valid` and `plots.history` you see
# the curves.
#
# The training curve rises much faster, since the faces are the same every time. Validation may
# rise faster too at first; then it stops while training goes on, and the gap opens within these
# six epochs. In a long run the network learns 1,000 faces by heart: training accuracy goes to 100
# % and validation gains nothing from it. alessi2019 reports 4 to 5 points from augmentation, for
# 80 epochs on the whole of FER2013.
#
# </details>

# %% tags=["solution", "tolerance:0.25"] reason="losses after a short training differ a little between processors"
from fer_utils.train.augment import Augmentation

few, last = half.take(slice(0, 150)), {}
for name, one in {"as it is": recipe, "bare": replace(recipe, augmentation=Augmentation())}.items():
    net = models.create("mini_xception", classes=learn.classes, seed=0)
    judges = valid.take(slice(0, 150))
    last[name] = train.fit(net, few, judges, one, epochs=6, progress=False).epochs[-1]
curves = {"training": "train_loss", "validation": "valid_loss"}
change = {name: abs(last["bare"][row] - last["as it is"][row]) for name, row in curves.items()}
changes_more = max(change, key=change.get)
check.ex4_3(changes_more)

# %% [markdown]
# ### Exercise 4: how lucky is the best seed? (easy)
#
# Someone trains with five seeds and reports the best one, on 500 test faces. The true accuracy is
# 60 % for each. Change the simulation of the section "Which epoch do we keep?" to find the average
# report.
#
# <details><summary>Hint 1</summary>
#
# One row of the simulation is one person who trains: five accuracies instead of 80.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `rng.binomial(500, 0.60, size=(2000, 5))` draws them for 2,000 people; the report is the largest of
# each row.
#
# </details>

# %% tags=["starter"]
report = None  # a share, 0 to 1
check.ex4_4(report)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# About 62.5 %. Five seeds are independent, so this is not the worst case but the case. Report all
# seeds, or their mean.
#
# </details>

# %% tags=["solution"]
report = rng.binomial(500, 0.60, size=(2000, 5)).max(1).mean() / 500
check.ex4_4(report)

# %% [markdown]
# ### Exercise 5: curves for TensorBoard (medium)
#
# Some people watch their runs in TensorBoard, which reads event files from a folder. It is not
# needed here: `pip install tensorboard` if you want it. `train.tensorboard(folder)` then returns a
# function for `on_epoch`. But `fit` takes only one such function: how do you get both, live curves
# and files? Write `both_of(one, other)`, which makes one function of two.
#
# <details><summary>Hint 1</summary>
#
# `on_epoch` is called with the history after each epoch. A function may call two others.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A function may be defined inside another one and returned by it.
#
# </details>

# %% tags=["starter"]
def both_of(one, other):
    return None


check.ex4_5(both_of)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# With `both_of(train.tensorboard("runs/mine"), live)`: `display(live)`, `train.fit(..., on_epoch=both)`,
# and `tensorboard --logdir runs` in a terminal. Two runs in two folders below `runs` are drawn in one
# chart.
#
# </details>

# %% tags=["solution"]
def both_of(one, other):
    def both(history):
        one(history)
        other(history)

    return both


check.ex4_5(both_of)

# %% [markdown]
# ## Recap
#
# - Cross-entropy is minus the logarithm of the right class's probability (ln 7 for a network that
#   knows nothing), its gradient for the logits is p - y, and a training loop repeats one step of it;
#   Adam makes every weight's step about as long as the rate.
# - A recipe is data: decay makes steps smaller, augmentation makes faces different in every epoch,
#   L2 makes weights smaller, by a lambda that validation data choose only roughly. What a part brings is a difference between runs, several of each; one run
#   of each shows the seed.
# - Choose the epoch on validation and look at the test split once; on 500 faces the best of 80 equal
#   epochs looks up to five points better than it is.
# - The same seed and a whole saved state give the same weights bit by bit; a diverged run need not
#   show a NaN.

# %% [markdown]
# Previous: [03 Architectures](03_architectures.ipynb) | Next: [05 Every architecture](05_every_architecture.ipynb)
