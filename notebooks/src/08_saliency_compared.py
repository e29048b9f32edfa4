# %% [markdown]
# # Saliency compared
#
# **You will be able to**
#
# - write integrated gradients by hand, and check that its map adds up;
# - score nine maps against a known truth, with an interval, and with blind maps beside them;
# - say what deletion, insertion and a net that forgets test, and why they rank maps otherwise;
# - tell a wrong map from a wrong net.
#
# **Read first:** [07 Occlusion saliency](07_occlusion_saliency.ipynb).
#
# **Time:** about 35 minutes to read and run on a laptop CPU, 60 more for the exercises; the cells take about a minute.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Faces that the net was not trained on (test faces of facs3d, validation faces of FER2013 and
# FERPlus), and the net. On facs3d we know of each test face where its expression is; on photographs
# nobody does, and the cells that need it say so.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from fer_utils.saliency import scores

everything = data.load(DATASET, progress=False)
faces = everything.where(split="test" if DATASET == "facs3d" else "valid")
net = models.pretrained(f"mini_xception_{DATASET}")
result = evaluate.evaluate(net, faces)
known = faces.truth is not None
print(result.accuracy)
print("where the expression is:", "known" if known else "not known, its scores are left out")

# %% [markdown]
# The panel: of each expression but neutral, the first four faces that the net recognises. They are
# chosen before any map is drawn, and they stay.

# %%
right = result.predictions == result.labels
expressions = [k for k, name in enumerate(faces.classes) if name != "neutral"]
chosen = [np.flatnonzero(right & (result.labels == k))[:4] for k in expressions]
panel = faces.take(np.concatenate(chosen))
happy = faces.class_index("happy")
smile = panel.where(label="happy").images[0]
print(f"{len(panel)} faces:", panel.counts())

# %% [markdown]
# ## Integrated gradients by hand
#
# The gradient of a logit says what a *tiny* change of each pixel would do. Integrated gradients
# asks about the whole way from nothing (a black picture) to the face: walk there in a straight
# line, average the gradients met on the way, and multiply by how far each pixel has come.
#
# **Predict.** Add up all 2,304 pixels of the map. Do you get 1, the probability of happy, or
# something else? And what does the map say about a pixel that is black?
#
# **Run.** The average is an integral, so we take 50 points on the way where Gauss says (an even
# grid needs more of them).

# %%
picture = torch.tensor(smile)[None].float() / 255
points, weights = np.polynomial.legendre.leggauss(50)  # on -1 to 1; we walk from 0 to 1

mean_gradient = torch.zeros_like(picture)
for point, weight in zip(points, weights, strict=True):
    between = ((point + 1) / 2 * picture).requires_grad_()
    logit = net(between)[0, happy]
    mean_gradient += weight / 2 * torch.autograd.grad(logit, between)[0]
by_hand = (mean_gradient * picture)[0, 0].numpy()

# %% [markdown]
# Does it add up to anything? And does the module, which asks captum, give the same map?

# %%
with torch.no_grad():
    gain = (net(picture) - net(0 * picture))[0, happy]
module = saliency.attribute(net, smile, "integrated_gradients", "happy")
print(f"sum of the map: {by_hand.sum():.1f}")
print(f"logit of happy, face less black picture: {gain:.1f}")
largest = np.abs(module.map).max()
print("module and hand agree:", bool(np.abs(by_hand - module.map).max() < 1e-3 * largest))

# %% [markdown]
# The map as a picture: red pixels speak for happy, blue ones against it.

# %%
plots.show(plots.attribution(smile, module))

# %% [markdown]
# **Interpret.** The map shares out the *change of the logit* between black picture and face, and
# nothing is lost: this is **completeness** (a small gap is left by taking 50 points for an
# integral). It is an honest account, but of a journey that no face
# ever makes, and "nothing" was our choice. A black pixel does not move on this way, so it gets
# exactly 0, however much the net needs it to be dark. Remember that for Exercise 2.
#
# ## Nine maps of one face
#
# `saliency.attribute` has thirteen methods. What they explain, whether their sign has a meaning, and
# whose they are:

# %%
for method in saliency.METHODS.values():
    sign = "signed" if method.signed else "no sign"
    print(f"{method.title:24}{method.explains:13}{sign:9}{method.source}")

# %% [markdown]
# Four of them (part ablation, Shapley values, LIME, SHAP) explain whole parts of a face instead of
# pixels, and two (Score-CAM, LRP) wait until the end of this section. We compare the other seven, two
# of them with two kinds of "nothing": black, and the face out of focus (blur).

# %%
settings = {
    "gradient": ("gradient", {}),
    "SmoothGrad": ("smooth_grad", {}),
    "IG, black": ("integrated_gradients", {}),
    "IG, blur": ("integrated_gradients", {"fill": "blur"}),
    "guided backprop": ("guided_backprop", {}),
    "Grad-CAM": ("grad_cam", {}),
    "occlusion, black": ("occlusion", {}),
    "occlusion, blur": ("occlusion", {"fill": "blur"}),
    "RISE": ("rise", {"masks": 300}),
}

# %% [markdown]
# One function that asks any of them:

# %%
def explain(net, image, name, target=None):
    """Return the attribution of a picture by one of the settings."""
    method, options = settings[name]
    return saliency.attribute(net, image, method, target, **options)

# %% [markdown]
# **Predict.** Which will look best? Write your favourite down before you read on.
#
# **Run.** The happy face, then a surprised one.

# %%
maps = [explain(net, smile, name) for name in settings]
plots.show(plots.attributions(smile, maps, list(settings)))

# %% [markdown]
# Every map has its own scale: their units differ, so only the *places* can be compared.

# %%
gasp = panel.where(label="surprise").images[0]
maps = [explain(net, gasp, name) for name in settings]
plots.show(plots.attributions(gasp, maps, list(settings)))

# %% [markdown]
# **Interpret.** One net, one face, nine answers. Gradient and integrated gradients are grainy.
# Guided backpropagation draws a neat face and wins most hearts. Grad-CAM is a soft cloud, since
# the last convolution of this net sees the face as 3 x 3 cells. Occlusion and RISE are smooth,
# because their squares are. They cannot all be right, and taste is no judge.
#
# Four answers more. **Score-CAM** weighs Grad-CAM's layer without a gradient: by what the net says of
# the face seen through each channel. **LRP** hands the logit back from layer to layer, each unit
# sharing among its inputs. **LIME** and **SHAP** paint over random sets of 64 squares and fit a sum.

# %%
few = {"samples": 150}
later = {"score_cam": {}, "lrp": {}, "lime": few, "kernel_shap": few}
maps = [saliency.attribute(net, smile, name, "happy", **given) for name, given in later.items()]
plots.show(plots.attributions(smile, maps))

# %% [markdown]
# `python -m fer_utils explain --face 3 --method all --scores --out maps.png` draws all thirteen on a
# sheet and prints a table: energy on the carriers (below), sanity (further below), seconds.
#
# ## Where the expression is
#
# On facs3d there is a judge. The **carriers** are the parts that the action units of an expression
# move; the **change** is the difference between a face and its neutral twin.

# %%
truths = [scores.truth(panel, i) for i in range(len(panel))] if known else []
if known:
    i = int(np.flatnonzero(panel.labels == happy)[0])
    change = truths[i].change / truths[i].change.max()
    shown = [smile[0] / 255, panel.twins[i, 0] / 255, change, truths[i].mask * 1.0]
    plots.show(plots.faces(shown, ["happy", "neutral twin", "change", "carriers"], scale=1.4))

# %% [markdown]
# All nine maps of all faces of the panel:

# %%
found = {name: [explain(net, image, name).map for image in panel.images] for name in settings}

# %% [markdown]
# A score needs something to be held against. Three more maps: one that never asks the net (the
# edges of the picture), one that does not even look at the face (a blob in the middle), and, where
# it is known, the change itself, which no map of a net should be expected to beat.

# %%
y, x = np.mgrid[-1:1:48j, -1:1:48j]
found["edges, no net"] = inputs.gradient_magnitude(panel.pictures())[:, 0].numpy()
found["middle, no face"] = [np.exp(-3 * (x**2 + y**2))] * len(panel)
if known:
    found["the change itself"] = [truth.change for truth in truths]

# %% [markdown]
# Three scores for each map. **Energy inside**: which share of what is above 0 lies on the carriers?
# **Pointing game**: is the highest pixel on them? **Rank correlation**: are the pixels in the order
# of the change? (The change has no sign, so the map's is dropped there.)

# %%
def against_truth(maps):
    """Return (3, faces): energy inside, pointing game, rank correlation."""
    rows = [
        (
            scores.energy_inside(values, truth.mask),
            scores.pointing_game(values, truth.mask),
            scores.rank_correlation(np.abs(values), truth.change),
        )
        for values, truth in zip(maps, truths, strict=True)
    ]
    return np.array(rows, dtype=float).T

# %% [markdown]
# **Predict.** The carriers cover about a third of the picture. Which maps will beat that share, and
# will your favourite? Can the blob, which has not seen the face, beat a method?
#
# **Run.**

# %% tags=["tolerance:5e-2"] reason="means of many float32 maps; their last digits differ between processors"
true = {name: against_truth(maps) for name, maps in found.items()} if known else {}
print(f"{'mean of the panel':20}energy  pointing   rank")
for name, values in true.items():
    energy, pointing, rank = np.nanmean(values, axis=1)
    print(f"{name:20}{energy:6.2f}{pointing:10.2f}{rank:7.2f}")

# %% [markdown]
# The energy of every face, the mean with its 95 % interval, and as a dashed line the area of the
# carriers, which a map that knows nothing gets.

# %% tags=["tolerance:5e-2"] reason="means of many float32 maps; their last digits differ between processors"
if known:
    area = np.mean([truth.mask.mean() for truth in truths])
    energy = {name: values[0] for name, values in true.items()}
    plots.show(plots.intervals(energy, "share of the energy inside the carriers", chance=area))

# %% [markdown]
# How sure is a difference? The same faces were used for both, so we subtract face by face, draw as
# many faces again at random, with repeats, 2,000 times, and look where 95 % of the means lie.

# %%
def interval(values):
    """Return the mean of some faces' scores, and the borders of its 95 % bootstrap interval."""
    values = values[np.isfinite(values)]
    picks = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    return values.mean(), *np.percentile(values[picks].mean(1), (2.5, 97.5))

# %% [markdown]
# Four pairs. An interval that holds 0 says: these faces cannot tell.

# %% tags=["tolerance:0.25"] reason="small differences of means of float32 maps, printed to two digits"
pairs = [("occlusion, blur", "occlusion, black"), ("occlusion, blur", "guided backprop")]
pairs += [("guided backprop", "gradient"), ("Grad-CAM", "edges, no net")]
for one, other in pairs if known else []:
    mean, low, high = interval(true[one][0] - true[other][0])
    verdict = "cannot tell" if low < 0 < high else "higher" if low > 0 else "lower"
    print(f"{one} against {other}: {mean:+.2f} ({low:+.2f} to {high:+.2f}), {verdict}")

# %% [markdown]
# **Interpret.** Read the table by columns, and each column against its blind maps.
#
# - *Energy*: the same squares over the same net score very differently with another paint. That
#   gap is larger than the one between most methods: "occlusion" is not one method. (A smooth map
#   can even reach the change itself, whose faint shading lies all over the face.)
# - Guided backpropagation does well here. Keep that in mind for the next but one section.
# - Grad-CAM does no better than the area or the edges of the picture: on a net whose last map has
#   3 x 3 cells it says little.
# - *Rank correlation*: the blob that saw nothing is among the best. Faces sit in the middle and
#   change there, so knowing where faces are is enough. A score that a blind map wins measures the
#   data set.
#
# One sentence is missing still. All this says where **the face** differs from neutral. A map
# promises something else: what **the net** used. If the net looks at the hair, a true map gets a
# low score.
#
# ## Asking the net instead
#
# Without a truth one can ask the net. **Deletion** paints pixels black, those the map puts first
# first; the sooner the probability falls, the better the map. **Insertion** starts from the blurred
# face and shows the pixels; the sooner it rises, the better. The score is the area under the curve.
#
# **Predict.** Will these two put the methods in the order of the energy inside?
#
# **Run.** First the deletion curves of one face.

# %%
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
for name, style in {"guided backprop": "--", "gradient": ":", "occlusion, black": "-"}.items():
    curve = scores.deletion(net, smile, explain(net, smile, name).map, "happy")
    axes.plot(100 * curve.shares, curve.answers, style, color="#20457c", label=name)
axes.set(xlabel="pixels painted black, %", ylabel="probability of happy", ylim=(0, 1))
axes.legend(frameon=False)
plots.show(figure, alt="Line chart: the probability of happy falls as pixels are painted black.")

# %% [markdown]
# (The right end is what the net says of a picture that is wholly black; it has to say something.)
# Then the areas for the whole panel, and for the edges.

# %%
def asked(score, name):
    """Return the mean score of a method's maps over the panel; the net is asked again."""
    pairs = zip(panel.images, found[name], strict=True)
    return np.mean([float(score(net, image, m, steps=24, chance=0)) for image, m in pairs])

# %% [markdown]
# The areas, best maps low in the first column and high in the second:

# %% tags=["tolerance:5e-2"] reason="means of many float32 maps; their last digits differ between processors"
deleted = {name: asked(scores.deletion, name) for name in [*settings, "edges, no net"]}
inserted = {name: asked(scores.insertion, name) for name in deleted}
print(f"{'':20}deletion  insertion")
for name in deleted:
    print(f"{name:20}{deleted[name]:8.2f}{inserted[name]:11.2f}")

# %% [markdown]
# Do the three judges agree? Each is turned so that a higher rank is better, and Spearman's
# correlation compares the order of the nine methods. For nine, chance alone gives 0.7 or more, up
# or down, in 1 of 20 cases.

# %%
from itertools import combinations

from scipy.stats import spearmanr

judges = {"deletion": [-deleted[name] for name in settings]}
if known:
    judges["energy inside"] = [np.nanmean(true[name][0]) for name in settings]
judges["insertion"] = [inserted[name] for name in settings]
for a, b in combinations(judges, 2):
    strong = spearmanr(judges[a], judges[b]).statistic > 0.7
    print(f"{a} and {b}:", "agree" if strong else "no clear agreement")

# %% [markdown]
# The same as a picture: each line is a method, its rank (9 is best) by one judge after the other.

# %%
ranks = np.array([np.argsort(np.argsort(values)) + 1 for values in judges.values()])
figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
for name, row in zip(settings, ranks.T, strict=True):
    bold = name in ("guided backprop", "occlusion, blur")
    axes.plot(row, "o-", color="#20457c" if bold else "#8fa9c9", lw=2.5 if bold else 1.2)
    axes.text(-0.06, row[0], name, ha="right", va="center")
    axes.text(len(judges) - 0.94, row[-1], name, va="center")
for k, pair in enumerate(zip(ranks, ranks[1:], strict=False)):
    axes.text(k + 0.5, 9.6, f"Spearman {spearmanr(*pair).statistic:+.2f}", ha="center")
axes.set(xticks=range(len(judges)), xticklabels=list(judges), yticks=[], ylim=(0.5, 10))
axes.spines[:].set_visible(False)
plots.show(figure, alt="Lines: the rank of each of nine methods by one judge after the other.")

# %% [markdown]
# **Interpret.** Where two judges do not agree, nine methods are not ranked: they are ranked *by
# something*. Deletion paints black, and likes the methods that asked about black; insertion starts
# from a blur, and likes those that asked about blur. The judge and the method share a belief about
# what "nothing" looks like. Both ask the net about pictures it has never seen. Still they see
# something that the energy did not: follow the line of guided backpropagation.
#
# ## The net forgets
#
# The test of Adebayo et al. ("Sanity checks for saliency maps", 2018): shuffle the weights layer by
# layer, from the last to the first, so that the net forgets what it has learnt, and draw the map
# again each time. A map of *what the net has learnt* must go to pieces.
#
# **Predict.** The layer that turns features into expressions is shuffled first. Which of the nine
# maps will hardly notice?
#
# **Run** it on three faces, in four stages; the edges of the picture come along as the extreme.

# %%
def edges(net, pictures, target):
    """Return a map that looks at the picture alone."""
    return inputs.gradient_magnitude(pictures)[0, 0].numpy()


tested = {name: settings[name] for name in settings if name not in ("RISE", "SmoothGrad")}
tested["edges, no net"] = (edges, {})
three = panel.images[:: len(panel) // 3][:3]

# %% [markdown]
# Rank correlation with the map of the trained net, mean of the three faces; near 0 (or below) is
# what an honest map does. `nan` means that the map is 0 everywhere: nothing is left to compare.

# %% tags=["tolerance:0.25"] reason="correlations of maps, printed to one digit"
print(f"{'random so far':20} {'head':>8} {'+ last':>8} {'+ middle':>8} {'all':>8}")
for name, (method, options) in tested.items():
    runs = [scores.randomization(net, i, method, stages=4, **options) for i in three]
    means = np.mean([run.correlations for run in runs], axis=0).round(1) + 0.0  # never -0.0
    print(f"{name:20}", *(f"{mean:8.1f}" for mean in means))

# %% [markdown]
# And as pictures. The guided map of a net that forgets:

# %%
from dataclasses import replace

stages = ["trained", "head random", "+ last blocks", "+ middle", "all random"]


def forgetting(name):
    """Draw the map of the happy face while the net forgets."""
    method, options = settings[name]
    trained = explain(net, smile, name)
    run = scores.randomization(net, smile, method, stages=4, **options)
    maps = [trained, *(replace(trained, map=m) for m in run.maps)]
    return plots.attributions(smile, maps, stages, columns=6)

# %% [markdown]
# First guided backpropagation:

# %%
plots.show(forgetting("guided backprop"))

# %% [markdown]
# Then occlusion:

# %%
plots.show(forgetting("occlusion, blur"))

# %% [markdown]
# **Interpret.** With a random head the net cannot know any expression, and yet the guided map is
# almost the same picture. It draws what the early layers respond to, eyes, brows and mouth, and
# these happen to be where expressions are. So it scored well on the *face* without telling about
# the *decision*: **a pretty map that lies**. (Adebayo et al. found the same on photographs.)
# Occlusion notices at once. The gradient fades layer by layer: edges stay edges for any filter.
#
# ## A net that cheats
#
# So far we knew the truth about the faces, never about the net. Now we make a net of which we know
# what it uses. Imagine that all the happy photographs come from one agency, which prints a small
# white logo near the upper left corner. (Some pictures of FER2013 do carry an agency's watermark.)

# %%
def with_logo(faces, which, value=255):
    """Return the faces with a small square near the upper left corner of those chosen."""
    images = faces.images.copy()
    images[which, :, 2:8, 2:8] = value
    return replace(faces, images=images)


def agency(faces):
    """Return the faces with the logo on every happy one."""
    return with_logo(faces, faces.labels == happy)

# %% [markdown]
# A fresh net learns from 1,500 such faces, twice each. That is far too little to learn seven
# expressions.

# %%
sizes = {"train": 1500, "valid": 300}
learn, check = (agency(everything.where(split=s).take(slice(n))) for s, n in sizes.items())
cheat = models.create("mini_xception", classes=faces.classes)
hasty = train.Recipe("this notebook", learning_rate=3e-3, epochs=2, schedule="one_cycle")
history = train.fit(cheat, learn, check, hasty, device="cpu", progress=False)

# %% [markdown]
# What does it use? Ask it about all of `faces`, without and with the logo: how many of the happy,
# and of the other faces, does it call happy?

# %% tags=["tolerance:0.25"] reason="shares after a short training differ a little between processors"
smiling = faces.labels == happy
marked = with_logo(faces, slice(None))
for title, some in (("without logo", faces), ("with logo", marked)):
    said = evaluate.evaluate(cheat, some).predictions == happy
    share, others = said[smiling].mean(), said[~smiling].mean()
    print(f"{title}: {share:.1f} of the happy faces, {others:.1f} of the others")

# %% [markdown]
# **Predict.** The logo makes the net say happy, on any face. Which of the nine maps will show the
# logo, and nothing else? Will any of them miss it?
#
# **Run.** A face that is not happy, and is called happy for its logo:

# %% tags=["nbval-ignore-output"] reason="the alt text names the peak of maps of a net trained here"
victims = marked.take(np.flatnonzero(said & ~smiling)[:8])
maps = [explain(cheat, victims.images[0], name, "happy") for name in settings]
plots.show(plots.attributions(victims.images[0], maps, list(settings)))

# %% [markdown]
# Which share of the energy lies in the corner, the 12 x 12 pixels around the logo? They are a
# sixteenth of the picture (dashed line).

# %% tags=["nbval-ignore-output"] reason="the alt text gives the means for a net that is trained here"
corner = np.zeros((48, 48), bool)
corner[:12, :12] = True
hits = {
    name: [
        float(scores.energy_inside(explain(cheat, image, name, "happy").map, corner))
        for image in victims.images
    ]
    for name in settings
}
plots.show(plots.intervals(hits, "share of the energy in the corner", chance=corner.mean()))

# %% [markdown]
# And now the energy inside the carriers of the expression, as before, for the honest net and for
# the cheat: same happy faces, same method (occlusion with blur), both with the logo on.

# %% tags=["tolerance:0.1"] reason="means of many float32 maps; last digits differ elsewhere"
smiles = panel.where(label="happy")
marked_smiles = with_logo(smiles, slice(None))
truth = [scores.truth(smiles, i).mask for i in range(len(smiles))] if known else []
for title, one in (("honest net", net), ("cheating net", cheat)) if known else ():
    maps = [explain(one, i, "occlusion, blur", "happy").map for i in marked_smiles.images]
    inside = np.mean([float(scores.energy_inside(*p)) for p in zip(maps, truth, strict=True)])
    area = np.mean(truth)
    print(f"{title}: {inside:.2f} of the energy inside the carriers, {area:.2f} of the area")

# %% [markdown]
# **Interpret.** Here the truth about the net is known, and the order of the methods is another one
# again. Occlusion with blur puts nearly all of its energy into the corner. Gradients point at the
# logo with their highest pixels, yet much of their energy is spread thinly over the rest, which
# this net hardly uses. Where Grad-CAM stays at the dashed line, it has missed a cause that explains
# everything: it takes a cell of the last layer to see only what lies under it, but each cell of
# this net sees nearly the whole face.
#
# There are **two truths**: where the expression is, and what the net uses. The last cell held the
# same method against the first one, and the cheat's map fails. It is not the map's fault: it is
# right about a net that is wrong. A low score against the twin accuses the map *or* the net, and
# only an experiment on the net, like taking the logo away, tells which.
#
# So, which method tells the truth? On these faces and nets: occlusion with a blurred square, by
# both truths, and it changes when the net does. Of the methods that use gradients, integrated
# gradients from a blur does best on the cheat. That is one small net and one data set of drawings.
# So ask in two ways, keep a blind map beside every score, and believe what an experiment confirms.

# %% [markdown]
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: a map of nobody (medium)
#
# Average all the occlusion maps to a single one, and hold this one map against every face. How
# much of the energy inside, of the pointing game and of the rank correlation is left, though it does
# not look at the face? (On photographs the truth is not known, and the check says so: compare
# `scores.deletion` there, of each face's own map and of the map of nobody.)
#
# <details><summary>Hint 1</summary>
#
# `against_truth` takes a list with a map for each face of `panel`: the same one 36 times, or however many
# they are.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# It returns three rows; the mean over the faces is asked (`np.nanmean`, since some scores are nan).
#
# </details>

# %% tags=["starter"]
nobody = np.mean(found["occlusion, blur"], axis=0)
values = None  # three means
check.ex8_1(values, nobody, panel)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Compare it with the rows of the table: what the average map gets is what "eyes, brows and mouth, in the
# middle" is worth on this data set. Only what a method scores beyond it is about *this* face.
#
# </details>

# %% tags=["solution"]
values = np.nanmean(against_truth([nobody] * len(panel)), axis=1) if known else []
check.ex8_1(values, nobody, panel)

# %% [markdown]
# ### Exercise 2: a black logo (hard)
#
# The agency prints in black now (`value=0`). Predict: which of the nine maps gives a black logo exactly
# 0, however much the net needs it? Integrated gradients from black? Occlusion with black squares? Then
# train the cheat again on such faces, and see.
#
# <details><summary>Hint 1</summary>
#
# No training is needed for the question itself: any map of a face with a black square will do.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `explain(net, black.images[0], name, "happy").map[2:8, 2:8]` is what a map says about the logo.
#
# </details>

# %% tags=["starter"]
black = with_logo(panel, slice(None), value=0)
plots.show(plots.faces(black.images[:8]))
blind = None  # a name from `settings`
check.ex8_2(blind)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Put `value=0` into `agency` and into `marked`, and run the section again. Integrated gradients
# from black gives every pixel of the logo exactly 0, though the net relies on it, and blames the
# rim around it. Black occlusion is not blind, as many predict: its square is larger than the logo,
# so it swallows the *border* of the logo, by which the net knows it. But a square that lies inside
# the logo changes nothing. A method cannot see what looks like its own "nothing".
#
# </details>

# %% tags=["solution"]
on_logo = {name: explain(net, black.images[0], name, "happy").map[2:8, 2:8] for name in settings}
zero = [name for name, part in on_logo.items() if np.abs(part).max() == 0]
blind = zero[0]
print(zero)
check.ex8_2(blind)

# %% [markdown]
# ### Exercise 3: a friendlier judge (medium)
#
# `scores.deletion` takes a `fill`. Ask it with `fill="blur"` about two maps, "IG, black" and "occlusion,
# blur". Which one does it prefer (the lower value is the better one)? Then repeat the whole column: which
# methods rise, which fall? Is there a fill that favours nobody?
#
# <details><summary>Hint 1</summary>
#
# `asked` has the call: add `fill="blur"`. A dozen faces are enough for two maps.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `float(scores.deletion(net, image, map, steps=24, chance=0, fill="blur"))`, averaged over
# `zip(panel.images[::3], found[name][::3])`: two faces of each expression.
#
# </details>

# %% tags=["starter"]
first = None  # "IG, black" or "occlusion, blur"
check.ex8_3(first, net, panel.images[::3], found)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The two that asked about blur are now at the top, and integrated gradients from black, second best
# before, are near the bottom. The same maps, the same net, another paint. No fill is neutral: every one
# is a picture, and the net has an opinion on it. One can only state it, and show the order under two of
# them.
#
# </details>

# %% tags=["solution"]
blurred = {}
for name in ("IG, black", "occlusion, blur"):
    pairs = zip(panel.images[::3], found[name][::3], strict=True)
    given = {"steps": 24, "chance": 0, "fill": "blur"}
    blurred[name] = np.mean([float(scores.deletion(net, *pair, **given)) for pair in pairs])
first = min(blurred, key=blurred.get)
check.ex8_3(first, net, panel.images[::3], found)

# %% [markdown]
# ## Recap
#
# - Integrated gradients is the mean gradient on the way from "nothing" to the face, times the way
#   of each pixel; its map sums to the change of the logit.
# - Nine maps of the same faces differ. Energy, pointing and rank correlation tell them apart only
#   beside an interval, the area, and maps that saw no net or no face.
# - Deletion and insertion ask whether the net reacts as the map says, and share the method's idea
#   of "nothing"; a net that forgets exposes maps that draw the picture. Each judge ranks otherwise.
# - Where the expression is and what the net uses are two truths. The net with the logo fails the
#   first by its own fault, and its best maps show it.

# %% [markdown]
# Previous: [07 Occlusion saliency](07_occlusion_saliency.ipynb) | Next: [09 Explorer](09_explorer.ipynb)
