# %% [markdown]
# # Laboratory and wild
#
# **You will be able to**
#
# - read a table of results over data sets by asking what else differs between two of its rows;
# - take photographs the way of `borgalli2022`: find the face, cut it out, balance, train, report;
# - train in one world, test in the other, and read the four numbers with their intervals;
# - say what a fall from the laboratory to the wild is made of, by changing one thing at a time.
#
# **Read first:** [06 Confusion and precision](06_confusion_and_precision.ipynb), [07 Occlusion
# saliency](07_occlusion_saliency.ipynb) and [12 Photographs and live](12_photographs_and_live.ipynb).
# The paper is `borgalli2022`, whole.
#
# **Time:** about 35 minutes to read and run on a laptop CPU, 65 more for the exercises; the cells take a minute.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. What is trained here are drawn photographs; change `dataset` to
# `"fer2013"` or `"ferplus"` and the networks are asked about real faces near the end.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# `borgalli2022` trains four architectures on five data sets, two from laboratories and three from "the
# wild": films, the web, people before their own cameras. On one it reports 99.63 %, on another
# 40.78 %.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from fer_utils import papers
from fer_utils.evaluate import Accuracy

# %% [markdown]
# ## One table, five data sets
#
# KDEF (Lundqvist et al. 1998) and RaFD (Langner et al. 2010) were photographed in laboratories; RAF-DB
# (Li et al. 2017) was collected from the web, SFEW (Dhall et al. 2011) from films, and AM-FED+ (McDuff
# et al. 2018) shows people at home before a webcam.
#
# **Predict.** 99.63 % is KDEF, 40.78 % is SFEW. Where do the other three lie? Is each laboratory set
# above each wild one?
#
# **Run.** The paper's Table 1, with the intervals that it does not print.

# %%
laboratory = {"KDEF", "RAFD"}
scores = {}
for one in sorted(papers.claims("borgalli2022:1"), key=lambda claim: -claim.value):
    where = "laboratory" if one.row in laboratory else "wild"
    scores[f"{one.row}, {where}"] = Accuracy(round(one.value * one.n / 100), one.n)
plots.show(plots.accuracies(scores))

# %% [markdown]
# **Interpret.** RaFD is a laboratory set and stands below RAF-DB, which is wild. So when the paper explains
# its table by "Accuracy is good for the lab-controlled dataset as images are clearer, focused", half of its
# laboratory rows do not obey. And SFEW's 40.78 % are 73 of 179 faces: the interval goes from 34 to 48.
#
# Put KDEF and SFEW side by side, and list what differs:
#
# | | KDEF | SFEW |
# |---|---|---|
# | network | two convolutions, 99.143 million parameters | InceptionResNetV2, 56.568 million |
# | classes | 6 | 7 |
# | around the face | masked | left |
# | pictures to learn from | 3,400 at most | about a thousand at most, not stated |
# | test faces | 800 | 179 |
# | the same person on both sides | probably: not stated, and everybody is there 60 times | not stated |
# | expressions | acted on demand, full strength | acted in films |
# | pose, light, rooms, camera | chosen | as they come |
#
# The paper itself names four reasons for 99.63: "images are lab-controlled, with only the facial part
# visible. The other part is masked and only has 6 Classes. Model architecture has more parameters." They may all
# be right. But two rows that differ in eight things cannot say which, nor how much each is worth.
# For that, one thing at a time has to change, and nobody can photograph the same smile
# twice with only the light changed. We can draw it twice.
#
# ## Two worlds
#
# `faces3d.worlds` takes photographs of drawn people. In its laboratory all look into the camera, in
# soft light, before one wall, and show each expression fully and once. What varies in the wild:

# %%
from faces3d.worlds import LABORATORY, WILD, World

print("laboratory:", LABORATORY)
print("wild:      ", WILD)

# %% [markdown]
# Each number says how far a thing varies: 0 as in the laboratory, 1 as in the wild. `imbalance` makes the
# classes as unequal as they are in SFEW. The chance behind each thing is its own, so a photograph with
# `World(light=1)` is the laboratory's, in another light, and otherwise the same to the pixel. Here is
# one person in the laboratory, in another light, and in the wild:

# %%
from fer_utils.data.worlds import draw

three = [draw(world, range(7074, 7075), crop=None, size=72)
         for world in (LABORATORY, World(light=1), WILD)]  # fmt: skip
shown = np.concatenate([seven.images for seven in three])
titles = [seven.classes[k] for seven in three for k in seven.labels]
plots.show(plots.faces(shown, titles, columns=7))

# %% [markdown]
# How wild is the wild? That is our choice, made once: so that a small network that learns there is right about
# as often as the paper's was on SFEW. So do not take the height of the numbers below as a finding.
# Differences between them are one, with the other things held still.
#
# Ninety people, seven photographs of each in both worlds. Nobody is on two sides.

# %%
people = {"train": range(7000, 7060), "valid": range(7060, 7070), "test": range(7070, 7090)}
worlds = {"laboratory": LABORATORY, "wild": WILD}
faces = {
    split: {name: draw(world, who, split=split) for name, world in worlds.items()}
    for split, who in people.items()
}

# %% [markdown]
# ## Find the face
#
# "We are pre-processing Images, so only the required part of a face is captured using the Haar
# Cascade algorithm for detection of a frontal face." `draw` has done that, with the cascade of
# [12 Photographs and live](12_photographs_and_live.ipynb). Once by hand, for one photograph:

# %%
from fer_utils import detect

photograph = three[0].images[3, 0]
(box, *others) = detect.faces(photograph, cascade="default", equalize=True)
by_hand = detect.crop(photograph, box, margin=1, side=48)
module = draw(LABORATORY, range(7074, 7075)).images[3]
print(box, "more finds:", len(others))
print("module agrees:", np.abs(by_hand.astype(int) - module).max() <= 1)

# %% [markdown]
# **Predict.** In what share of the laboratory's photographs is a face found, and in what share of the
# wild ones? And what enters the network where none is found?
#
# **Run.** The shares, then ten wild photographs as they enter.

# %%
for name, seen in faces["train"].items():
    print(f"{name:11}found in {Accuracy(int(seen.columns['found'].sum()), len(seen))}")

# %% [markdown]
# "not found" stands where the cascade saw no face:

# %%
wild = faces["train"]["wild"]
found = wild.columns["found"]
ten = np.sort(np.r_[np.flatnonzero(~found)[:5], np.flatnonzero(found)[:5]])
titles = [wild.classes[wild.labels[i]] if found[i] else "not found" for i in ten]
plots.show(plots.faces(wild.images[ten], titles, columns=10))

# %% [markdown]
# **Interpret.** A detector for frontal faces loses what is not frontal, too dark or covered: a sixth or so
# of the wild, hardly anybody in the laboratory. Where nothing is found, this kit hands over the middle of the
# photograph, with the face smaller than the network has learned faces to be. The paper does not
# say what it did. To leave such photographs out is common, and it is a choice about
# the exam: the hard ones go (exercise 2).
#
# ## Balance by augmentation
#
# "... to balance training images for unbiased results and generate more training, Image DataGenerator is used
# that performs a different operation on a given image, such as flipping, rotation, cropping, blurring,
# and adding noise". Ranges are not given; those of the recipe are ours. What there is to balance:

# %%
counts = {name: seen.counts() for name, seen in faces["train"].items()}
plots.show(plots.balance(counts, list(worlds)))

# %% [markdown]
# `balance="augment"` fills every class up to the largest: a face of a rare class comes several times in an
# epoch, and each time looks different.

# %%
import torch

from fer_utils.train.augment import augment

recipe = train.recipe("borgalli2022")
recipe = replace(recipe, balance="augment", learning_rate=1e-3, late=2, patience=0)
counts = wild.counts()
rarest, most = min(counts, key=counts.get), max(counts.values())
print(f"{rarest}: {counts[rarest]} faces, each {most / counts[rarest]:.1f} times an epoch")
print(f"an epoch: {len(wild)} faces become {7 * most}")

# %% [markdown]
# One of these faces, as it may come in the seven epochs that change it:

# %%
rare = wild.where(label=rarest)
face = rare.take(np.flatnonzero(rare.columns["found"])[:1]).pictures()
copies = augment(face.repeat(7, 1, 1, 1), recipe.augmentation, torch.Generator().manual_seed(0))
plots.show(plots.faces(copies.numpy(), [f"epoch {number}" for number in range(3, 10)]))

# %% [markdown]
# What the copies are not: other people. Seven versions of one disgusted face know one way to show
# disgust. (The paper states no rate and no number of epochs.
# This recipe learns faster than the kit's for the paper, since we have nine epochs; it leaves the changes
# out of the first two, and does not stop early.)
#
# ## Train in one world, test in the other
#
# The network is the paper's for KDEF, two convolutions and two large layers, on pictures of 32 pixels
# instead of 224. It has 1.6 million weights then, not 99: nearly all sit where the map is flattened.


# %%
def learn(parts, epochs=9):
    """Return custom_kdef, trained on parts["train"]; parts["valid"] choose the epoch."""
    classes = parts["train"].classes
    net = models.create("custom_kdef", classes=classes, input_size=32, seed=0)
    train.fit(net, parts["train"], parts["valid"], recipe, epochs=epochs, progress=False)
    return net


# %% [markdown]
# Twice the same, half a minute together. Only the world differs.

# %%
nets = {
    name: learn({split: faces[split][name] for split in ("train", "valid")}) for name in worlds
}

# %% [markdown]
# **Predict.** Four numbers: learned in the laboratory or in the wild, tested in either. Put them in order. In
# which world will the network that learned in the wild do better?
#
# **Run.**

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
results, rows = {}, {}
for learned, net in nets.items():
    for tested, seen in faces["test"].items():
        results[learned, tested] = evaluate.evaluate(net, seen)
        rows[f"{learned} → {tested}"] = results[learned, tested].accuracy
words = "; ".join(f"{name} {one.value:.2f}" for name, one in rows.items())
plots.show(plots.accuracies(rows), alt=f"Shares of right answers with intervals: {words}.")

# %% [markdown]
# **Interpret.** At home the network of the laboratory makes five mistakes in 140. Outside it is right about a
# third of the faces. The network of the wild is right about four in ten wild faces, and about two thirds of
# the laboratory's, where it has never been: that exam is easier, also for those who did not learn for it. So "accuracy
# is good for the lab-controlled dataset" is true here, but it speaks of the exam more than of
# the network. And 36 and 41 % cannot be told apart by 140 faces: whoever claims that learning in the
# wild has helped needs more of them, or more runs.
#
# Is that this one network? The stored runs: the paper's four, each made small enough for a laptop, five seeds
# (`python -m fer_lab.experiments.laboratory_wild`).

# %%
stored = plots.read_table("../figures/laboratory_wild.csv")
right = {}
for row in stored:
    for tested in worlds:
        key = f"{row['net']}: {row['learned']} → {tested}"
        right.setdefault(key, []).append(100 * int(row[tested]) / int(row["n"]))
plots.show(plots.dots(right, xlabel="right, % of 140 photographs; a dot for each seed"))

# %% [markdown]
# On average the laboratory is the easier exam for each of the four, whatever was learned. To learn in the wild helps in
# the wild by 7 points (five layers), 5 (LIGHTVGG) and 4 (VGG16), and costs InceptionResNetV2 four. But the five seeds of
# one network there lie 6 to 27 points apart, and only the first of these gains is large beside that. The first two seeds alone
# would have told another story: LIGHTVGG wins 11 points, VGG16 loses two.
#
# The two deep ones, a quarter as wide as the paper's, get too little from 420 photographs and the epochs that a laptop has time for.
# InceptionResNetV2 reaches 39 to 71 % at home, and in the wild on average four points more than the 21 % that always saying
# "happy" would give. On SFEW the paper trained the whole of it, with 56.568
# million parameters, on a thousand pictures at most. "Model architecture has more parameters" is its reason for the
# high number; here the two networks with the most layers have the lowest, in either world.
#
# ## Reports in the paper's form
#
# The paper prints for each data set what it calls an accuracy score, and scikit-learn a classification report.
# Here it is from four columns: precision, recall, F1 and support.


# %%
def report(names, table):
    """Print a report as the paper has it; table (classes, 4): precision, recall, F1, support."""
    table = np.nan_to_num(np.array(table, float))
    n = table[:, 3]
    print(f"{'class':>12} precision  recall  f1-score  support")
    for name, row in zip(names, table, strict=True):
        print(f"{name:>12}{row[0]:10.2f}{row[1]:8.2f}{row[2]:10.2f}{row[3]:9,.0f}")
    print(f"{'accuracy':>12}{(table[:, 1] * n).sum() / n.sum():28.2f}{n.sum():9,.0f}")
    for name, weights in (("macro avg", np.ones(len(n))), ("weighted avg", n)):
        mean = (table * weights[:, None]).sum(0) / weights.sum()
        print(f"{name:>12}{mean[0]:10.2f}{mean[1]:8.2f}{mean[2]:10.2f}{n.sum():9,.0f}")


# %% [markdown]
# Note the line of the accuracy: recall times support, added up, are the right answers. So every report can be
# checked by its own rows. The paper's report on SFEW (its Fig. 13), from its rows:

# %%
from fer_utils.papers import borgalli2022

sfew = borgalli2022.REPORTS["sfew"]
report(sfew.order, sfew.rows)
print("printed:    ", sfew.accuracy, sfew.macro, sfew.weighted)

# %% [markdown]
# **Predict.** In that report disgust has 11 faces, recall 0.09 and precision 0.06. How many of the 11 were found, and
# how many faces were called disgust in all? Between what and what may the true recall lie?
#
# **Run.** Then the other four, each by its rows; and ours.

# %%
found = Accuracy(round(0.09 * 11), 11)
print(f"found: {found.correct} of 11; called disgust: between {1 / 0.065:.1f} and {1 / 0.055:.1f}")
print("recall:", found)
for name, printed in borgalli2022.REPORTS.items():
    table = np.array(printed.rows, float)
    exact = (table[:, 1] * table[:, 3]).sum() / printed.n
    sizes = f"{table[:, 3].min():.0f} to {table[:, 3].max():.0f}"
    about = f"{name:6}{printed.n:6,} faces, {sizes:>11} a class"
    print(f"{about}: by the rows {exact:.3f}, printed {printed.accuracy}")

# %% [markdown]
# Ours in the same form: learned in the wild, tested in the wild. It is the training from above, as the stored
# runs have it, with its 49 counts of who was called what:

# %%
first = next(row for row in stored if row["learned"] == "wild")
counts = np.array(first["confusion_wild"].split(), int)
labels, said = np.repeat(np.indices((7, 7)).reshape(2, -1), counts, axis=1)
kept = evaluate.Evaluation(np.eye(7, dtype="float32")[said], labels, nets["wild"].classes)
columns = ("precision", "recall", "f1", "support")
report(kept.classes, [[row[column] for column in columns] for row in kept.per_class()])

# %% [markdown]
# And its confusion matrix, normalised as in the paper's Figs. 11 to 15:

# %%
plots.show(plots.confusion(kept))

# %% [markdown]
# **Interpret.** One of 11: so SFEW's disgust is known to lie between 2 and 38 %, and the printed 0.09 would be 0.00 or 0.18
# with one face fewer or more. Some 17 faces were called disgust to find that one. The other reports
# agree with their rows, as far as two digits go. KDEF's 0.994 is 797 of 800, 0.996, seen through rounded rows; the report
# rounds it up to 1.00, and the text makes "100%" of that. Look at KDEF's classes too: 52 faces in one, 140 to 158 in the others, of a set in which every
# class is equally large. A random choice of 800 of 4,200 does not do that; how the faces were
# chosen is not stated.
#
# Our own report has the paper's accuracy on SFEW, for the wild was made so, and in both the macro averages lie
# below it. More they do not share: the paper's fear, with 15 faces, is found best of all, ours, with seven, seldom. With so few
# faces a row says little. Note what no report shows: on which people, how found, how cut.
#
# ## A sample of each set
#
# The paper ends with "Emotion Analysis on Sample Test Image": from each data set one picture, and the network's
# softmax as bars. Ours are one photograph of each world, and one of the data set of the set-up cell.

# %%
part = "test" if DATASET == "facs3d" else "valid"
other = data.load(DATASET, split=part, progress=False)
other = other.take(np.flatnonzero(other.labels < 7))  # the eighth, contempt, was never learned
other = replace(other, classes=other.classes[:7])
samples = {**{name: seen[24] for name, seen in faces["test"].items()}, DATASET: other[24]}

# %% [markdown]
# Each sample, what the network of the laboratory says of it, and what that of the wild says:

# %%
figure, panels = plt.subplots(3, 3, figsize=(9, 6.6), layout="constrained", width_ratios=(2, 3, 3))
for row, (name, one) in zip(panels, samples.items(), strict=True):
    row[0].imshow(one, cmap="gray", vmin=0, vmax=255)
    row[0].axis("off"), row[0].set_title(f"{name}: {one.label}")
    for axes, (learned, net) in zip(row[1:], nets.items(), strict=True):
        answer = net.ask(one)
        colors = ["#20457c" if word == one.label else "#b9c7dc" for word in answer]
        axes.barh(list(answer), list(answer.values()), color=colors)
        axes.set(xlim=(0, 1), title=f"learned: {learned}"), axes.invert_yaxis()
panels[-1, 1].set_xlabel("probability"), panels[-1, 2].set_xlabel("probability")
words = "Three faces, one of each set, and beside each two charts of bars: what two networks say."
plots.show(figure, alt=words)

# %% [markdown]
# **Predict.** A bar near 1 looks like knowledge. When a network of the laboratory is wrong about a wild face,
# how sure is it on average: 0.3, 0.5 or 0.8?
#
# **Run.** How sure each network is, and how often it is right:

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
for (learned, tested), result in results.items():
    sure = result.probabilities.max(axis=1)
    wrong = result.predictions != result.labels
    print(f"{learned:>10} → {tested:10} right {1 - wrong.mean():.2f}", end=", ")
    print(f"sure {sure.mean():.2f}, where it is wrong {sure[wrong].mean():.2f}")

# %% [markdown]
# And on all of the third set, without a training in between:

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
for learned, net in nets.items():
    one = evaluate.evaluate(net, other).accuracy
    print(f"{learned:>10} → {DATASET}: {one.value:.2f}, 95 % {one.low:.2f} to {one.high:.2f}")

# %% [markdown]
# **Interpret.** Abroad the network of the laboratory is as sure of its mistakes as of the rest, nearly 0.6 on average: the
# softmax shares out 1 among seven words and has none for "this is not my world". The network of the wild has
# learned to doubt. One picture of each set shows that a program runs. It cannot show how good
# it is, and a bar of 0.9 beside it least of all. A third set, drawn or photographed, is again another
# world, with another crop around the face: of the laboratory's 0.96 little is left there.
# (On FER2013 both networks are at 0.24; always saying "happy" gives 0.25. From drawings to photographs nothing
# is carried over.)
#
# ## The five sets themselves
#
# Where you have them, the same protocol on the paper's own faces: cut out by the cascade (KDEF masked by
# an oval and without its neutral faces), nobody on two sides where it is known who is shown.


# %%
def repeat(name):
    """Return what custom_kdef, trained on one of the five sets, says of its test part."""
    crop = "oval" if name == "kdef" else "haar"
    seen = data.load(name, size=48, crop=crop, progress=False)
    if name == "kdef":
        six = tuple(word for word in seen.classes if word != "neutral")
        seen = seen.take(np.flatnonzero(np.isin(seen.labels, [seen.class_index(w) for w in six])))
        labels = np.array([six.index(seen.classes[k]) for k in seen.labels])
        seen = replace(seen, labels=labels, classes=six)
    seen = data.split(seen, by="random" if seen.subjects is None else "subject")
    parts = {split: seen.where(split=split) for split in data.SPLITS}
    return evaluate.evaluate(learn(parts), parts["test"])


# %% [markdown]
# Write one of the five names where it says so, and run the cell again. Whom to ask for the others is on
# their cards (`python -m fer_utils data kdef`).

# %%
chosen = ""  # "kdef", "rafd", "rafdb", "sfew" or "amfed", where you have it
if chosen:
    result = repeat(chosen)
    report(result.classes, [[row[column] for column in columns] for row in result.per_class()])
for name in ("kdef", "rafd", "rafdb", "sfew", "amfed"):
    print(f"{name:6} {data.catalog.CARDS[name].title}")

# %% [markdown]
# ## Does it read the background?
#
# KDEF's pictures entered "with only the facial part visible. The other part is masked". Would it matter? A
# network trained before one wall has never learned that walls mean nothing. In the paper nobody could see
# whether it did. Of a drawn face the kit knows each pixel's part, so it can be counted how much of an
# occlusion map lies on the face, and how much around it.

# %%
on_face = ("skin", "brows", "eyes", "nose", "cheeks", "mouth", "jaw", "forehead")


def energies(net, seen):
    """Return the share of each map's energy on the face, and the face's share of the picture."""
    numbers = [seen.region_names.index(part) for part in on_face]
    scored = []
    for image, parts in zip(seen.images, seen.regions, strict=True):
        heat = saliency.occlusion(net, image, window=8, stride=4).heat()
        scored.append(saliency.scores.energy_inside(heat, np.isin(parts, numbers)))
    return np.array([(one.value, one.chance) for one in scored])


# %% [markdown]
# A third network learns the laboratory's faces behind a mask: all that lies outside an oval is black. By
# hand, as wide as five sixths of the square:

# %%
row, column = np.mgrid[:48, :48] - 23.5
oval = (column / 20) ** 2 + (row / 24) ** 2 <= 1


def masked(seen):
    """Return the faces, black outside the oval."""
    return replace(seen, images=seen.images * oval.astype(np.uint8))


behind = {split: masked(faces[split]["laboratory"]) for split in ("train", "valid")}
nets["masked"] = learn(behind)

# %% [markdown]
# The laboratory's test faces, the same before other walls, and a map of one of each:

# %%
walls = draw(World(background=1), people["test"])
pictures = {
    "laboratory": (nets["laboratory"], faces["test"]["laboratory"]),
    "other walls": (nets["laboratory"], walls),
    "masked": (nets["masked"], masked(walls)),
}
figure, panels = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for axes, (name, (net, seen)) in zip(panels, pictures.items(), strict=True):
    heat = saliency.occlusion(net, seen.images[24], window=8, stride=2).heat()
    axes.imshow(plots.maps.overlay(seen.images[24], heat))
    axes.set_title(name), axes.axis("off")
plots.show(figure, alt="A face before a plain wall, another one, and masked; maps over each.")

# %% [markdown]
# **Predict.** The face fills three quarters of the square. What share of the maps' energy lies on it? And how many
# points does the unmasked network lose when only the wall changes?
#
# **Run.**

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
for name, (net, seen) in pictures.items():
    share, area = np.nanmean(energies(net, seen.take(slice(0, 21))), axis=0)
    accuracy = evaluate.evaluate(net, seen).accuracy
    print(f"{name:12}{share:.2f} of the energy on {area:.2f} of the picture")
    print(f"{'':12}right {accuracy.value:.2f}, 95 % {accuracy.low:.2f} to {accuracy.high:.2f}")
before = evaluate.evaluate(nets["masked"], masked(faces["test"]["laboratory"])).accuracy
print(f"masked, before the old wall: right {before.value:.2f}")

# %% [markdown]
# **Interpret.** Two ways to ask, two answers. By the maps the network reads the face: 96 % of their energy lies
# on three quarters of the picture. By the experiment it does not: another wall alone costs twelve
# faces of 140. Both are right. The map asks what one small black square costs, and a square on a corner costs nothing. A
# new wall changes all of the background at once, and the rim of the face with it, and what these two layers
# make of that was never trained, since there was only one wall. So a map that is cold on the background does not prove that
# the background does not matter.
#
# Behind the mask other walls cost three points instead of eight, and leave as many right, 0.86 and 0.88. In the
# laboratory itself the mask brings nothing: 0.89 instead of 0.96. (With a tenth epoch it would be 0.94 there and 0.92 before other
# walls: so much hangs on one run of nine.) So as a reason for 99.63 % "the other part is masked" is not supported here; whether it
# protects against the next wall, more runs would have to tell.
#
# ## One thing at a time
#
# Now the question of the title. The same twenty people, the same expressions, the network of the laboratory. In each row one
# thing is as in the wild and all else as in the laboratory.
#
# **Predict.** Pose, light, background, occlusion, weakness, camera, unequal classes: which costs most? Which next to
# nothing? And will the seven losses add up to the loss of the wild?
#
# **Run.**

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
things = ("pose", "light", "background", "occlusion", "weakness", "camera", "imbalance")
changed = {thing: draw(World(**{thing: 1}), people["test"]) for thing in things}
rows = {"laboratory": results["laboratory", "laboratory"].accuracy}
for thing, seen in changed.items():
    rows[thing] = evaluate.evaluate(nets["laboratory"], seen).accuracy
rows["wild, all of them"] = results["laboratory", "wild"].accuracy
words = "; ".join(f"{name} {one.value:.2f}" for name, one in rows.items())
figure = plots.accuracies(rows, reference="laboratory")
plots.show(figure, alt=f"Shares of right answers with intervals: {words}.")

# %% [markdown]
# If each thing kept its share of the right answers whatever the others did, all seven would keep the product:

# %% tags=["tolerance:0.2"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
start = rows["laboratory"].value
product = start * np.prod([rows[thing].value / start for thing in things])
total = sum(start - rows[thing].value for thing in things)
print(f"losses added up: {start:.2f} - {total:.2f}; shares multiplied: {product:.2f}", end="; ")
print(f"measured: {rows['wild, all of them'].value:.2f}")

# %% [markdown]
# What can be asked of anybody in these photographs? Ten simulated taggers voted on each: the share of faces on which
# most of them chose the label, if they had seen nothing but the movements of the face.

# %%
for name, seen in {**faces["test"], "weakness alone": changed["weakness"]}.items():
    words = [seen.vote_names[k] for k in seen.votes.argmax(axis=1)]
    agree = sum(word == seen.classes[k] for word, k in zip(words, seen.labels, strict=True))
    print(f"{name:15}{Accuracy(agree, len(seen))}")

# %% [markdown]
# **Interpret.** No single thing is "the wild". The camera costs most, a quarter of the right answers, five others a tenth to a
# sixth each, and that the classes are unequal next to nothing. Added up they would leave hardly anything; multiplied they leave
# 38 %, and measured are 36 %, as near as luck allows: 140 photographs with all but the imbalance leave 44
# (`World(**dict.fromkeys(things[:6], 1))`). So here the fall from 96 to 36 needs no culprit: six moderate things, each of which takes its
# share of what the others have left. And it is not that nobody could tell: by the movements alone nineteen of twenty are
# named as labelled.
#
# Now back to the question why one set gives 99.63 % and another 40.78 %. Of the eight differences we have changed
# some one at a time: pose, light, rooms, camera and strength (and what covers a face), with network, number of pictures, classes
# and people held still. They alone can make a gap of this size. What we did *not* show: that they made the paper's.
# Its two rows also differ in network, in classes, in the number of pictures to learn from, and probably in whether the test
# people were known; notebook 01 measures what the last is worth.
#
# Where the drawn faces do not behave like the paper's: our laboratory is solved, its RaFD was not, by a VGG16
# of 15.244 million parameters. RaFD shows eight expressions from five sides and ours seven from the front; but KDEF comes from
# five sides too, and was solved. What made the difference there, nothing that we can switch tells. Our rooms and
# lamps are chosen by us, so their shares are ours. And people in films look away, speak and mean several things at once,
# which nobody has drawn here.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: 179 faces (easy)
#
# How many test faces would SFEW's 40.78 % need, to be known to two points either way (95 %)? With the 179 it
# has, is it outside the interval of AM-FED+'s 54.13 % (of 955)?
#
# <details><summary>Hint 1</summary>
#
# Half the width of the interval is about 1.96 times the root of p (1 - p) / n.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Solve for n, with 0.02 for the half width. For the second question, `scores` has both intervals: do they
# overlap?
#
# </details>

# %% tags=["starter"]
faces_needed, apart = None, None  # a number; True or False
check.ex13_1(faces_needed, apart)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# About 2,300 faces. SFEW's interval ends near 48 %, AM-FED+'s begins near 51 %: they are apart, and that is all
# that can be said. SFEW's height is known to seven points either way.
#
# </details>

# %% tags=["solution"]
p = 0.4078
faces_needed = 1.96**2 * p * (1 - p) / 0.02**2
apart = scores["SFEW, wild"].high < scores["AMFED+, wild"].low
check.ex13_1(faces_needed, apart)

# %% [markdown]
# ### Exercise 2: leave out what was not found (medium)
#
# Score the network of the wild on those wild test photographs alone in which the cascade found a face, and on the others
# alone. Which share of the photographs would be left out?
#
# <details><summary>Hint 1</summary>
#
# `faces["test"]["wild"].columns["found"]` is True where a face was found; `ours` has `predictions` and `labels`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `right = ours.predictions == ours.labels`, then the mean of `right[found]` and of `right[~found]`.
#
# </details>

# %% tags=["starter"]
found = faces["test"]["wild"].columns["found"]
ours = results["wild", "wild"]
with_face, without, left_out = None, None, None  # three shares
check.ex13_2(with_face, without, left_out, ours, found)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Nearly half of the photographs with a found face are right, and one in ten of the others. A seventh would be left
# out, and the accuracy would rise from 41 to 47 % without anything learned. Part of it may be the crop: where no face is found,
# it is smaller than the network has learned it. And the others are twenty photographs: one in ten may be one in three.
#
# </details>

# %% tags=["solution"]
right = ours.predictions == ours.labels
with_face, without, left_out = right[found].mean(), right[~found].mean(), (~found).mean()
check.ex13_2(with_face, without, left_out, ours, found)

# %% [markdown]
# ### Exercise 3: a network that looks at nothing (medium)
#
# A network always says the most frequent class of SFEW's test faces. What does a report in the paper's form print for
# its accuracy, for its macro recall, and for its macro precision (0 where nothing was called so)?
#
# <details><summary>Hint 1</summary>
#
# `sfew.rows` has the supports in the last column: 39, 11, 15, 37, 20, 38, 19.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One class has recall 1, six have 0. The precision of the one class is the accuracy.
#
# </details>

# %% tags=["starter"]
accuracy, macro_recall, macro_precision = None, None, None
check.ex13_3(accuracy, macro_recall, macro_precision)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# 0.22, 0.14 and 0.03. The accuracy alone looks like half of the paper's 0.41. The macro averages (0.39 and 0.40 there)
# tell the two apart at once, and so are the numbers to print where classes are unequal.
#
# </details>

# %% tags=["solution"]
supports = np.array([row[3] for row in sfew.rows])
accuracy = supports.max() / supports.sum()
macro_recall, macro_precision = 1 / 7, accuracy / 7
check.ex13_3(accuracy, macro_recall, macro_precision)

# %% [markdown]
# ### Exercise 4: two things at once (hard)
#
# Pose keeps a share of the laboratory's right answers, light keeps another. If the two had nothing to do with each other,
# both at once would keep the product. Compute that accuracy, then draw both at once and measure it.
#
# <details><summary>Hint 1</summary>
#
# Accuracy with pose, over that in the laboratory, is the share that pose keeps; `rows` has all of them.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `draw(World(pose=1, light=1), people["test"])`, then `evaluate.evaluate` with `nets["laboratory"]`.
#
# </details>

# %% tags=["starter"]
product, both = None, None  # two accuracies
check.ex13_4(product, both, rows, nets["laboratory"], people["test"])

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The product is 0.70, both at once 0.66, with an interval of eight points either way: nothing here speaks against pose and
# light acting independently, and little for it. (A turned head in a light from the side has more of its face in the dark: a
# reason to expect the lower number.)
#
# </details>

# %% tags=["solution", "tolerance:0.25"] reason="training sums float32 in another order elsewhere; some faces fall the other way"
kept = [rows[thing].value / rows["laboratory"].value for thing in ("pose", "light")]
product = rows["laboratory"].value * kept[0] * kept[1]
both = evaluate.evaluate(nets["laboratory"], draw(World(pose=1, light=1), people["test"]))
both = both.accuracy.value
print(f"product {product:.2f}, measured {both:.2f}")
check.ex13_4(product, both, rows, nets["laboratory"], people["test"])

# %% [markdown]
# ## Recap
#
# - Two rows of a table over data sets differ in everything at once. List the differences before you believe an
#   explanation, the table's other rows included: RaFD is a laboratory set too.
# - Find, cut, balance, train, report: each step chooses something, and lost faces, ranges of changes and who is on
#   which side belong beside the number.
# - Four numbers, learned by tested. An easy exam is easy for nearly everybody; outside its world a network stays sure.
# - Several moderate things multiply to a large fall. Change one at a time, people and expressions held
#   still, before you name a cause.

# %% [markdown]
# Previous: [12 Photographs and live](12_photographs_and_live.ipynb) | Next: [14 What a face can say](14_what_a_face_can_say.ipynb)
