# %% [markdown]
# # Occlusion saliency
#
# **You will be able to**
#
# - write the sliding square of `minaee2019` by hand, draw the paper's figures, by its own net too,
#   and read a flip map, a drop map and a heat map;
# - say what window, stride, fill and border do to a map before you believe it;
# - explain how the same map, number for number, can be had for about a third of the work;
# - score a map against the truth, and name what occlusion cannot tell.
#
# **Read first:** [06 Confusion and precision](06_confusion_and_precision.ipynb), and section IV-C
# of `minaee2019`, which is half a page.
#
# **Time:** about 60 minutes to read and run on a laptop CPU, 85 more for the exercises; the cells take about a minute.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Faces that the net was not trained on, and the net: the test faces of facs3d, the validation faces
# (PublicTest) of FER2013 and FERPlus, whose test faces wait for a last look (notebook 06).

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

split = "test" if DATASET == "facs3d" else "valid"
faces = data.load(DATASET, split=split, progress=False)
net = models.pretrained(f"mini_xception_{DATASET}")
result = evaluate.evaluate(net, faces)
print(result.accuracy)

# %% [markdown]
# A map explains an answer, so we take answers that are right: `pick` returns faces of a class
# that the net recognises with about 75 %. (Of a face of which it is quite sure, one square rarely
# changes its mind.)

# %%
def pick(name, count, near=0.75):
    """Return faces of a class that the net gets right, with a probability nearest to `near`."""
    label = result.classes.index(name)
    right = np.flatnonzero((result.labels == label) & (result.predictions == label))
    distance = np.abs(result.probabilities[right, label] - near)
    return right[np.argsort(distance)[:count]]


chosen = pick("happy", 1)[0]
image = faces.images[chosen]
plots.show(plots.bars(net.classes, result.probabilities[chosen], "a happy face"))

# %% [markdown]
# ## The sliding square by hand
#
# The recipe of `minaee2019`: zero out a square of N x N pixels, ask the net again, move the square
# by s pixels, repeat. Nothing about the net is needed but its answers.
#
# **Predict.** The face is 48 x 48, the square 8 x 8, the stride 2. How many pictures will the net
# have to look at? Which squares will hurt most?
#
# **Run.** First all the pictures with a black square on them:

# %%
window, stride = 8, 2
picture = torch.tensor(image).float() / 255
starts = range(0, 48 - window + 1, stride)
covered = []
for top in starts:
    for left in starts:
        one = picture.clone()
        one[:, top : top + window, left : left + window] = 0
        covered.append(one)
print(f"{len(starts)} x {len(starts)} positions, {len(covered)} pictures")

# %% [markdown]
# Then the question to the net, once for each picture, and once for the clean face. Softmax turns
# its scores into probabilities.

# %%
with torch.no_grad():
    clean = net(picture[None]).softmax(1)[0].numpy()
    answers = [net(one[None]).softmax(1)[0].numpy() for one in covered]
grid = np.array(answers).reshape(len(starts), len(starts), -1)
happy = net.classes.index("happy")
print(f"clean: {clean[happy]:.3f}; under the worst square: {grid[..., happy].min():.3f}")

# %% [markdown]
# The module does the same in one call. Do the numbers agree, for all positions and all seven
# classes?

# %%
omap = saliency.occlusion(net, image, window=8, stride=2)
print(omap)
print("same shape:", omap.probabilities.shape == grid.shape)
print("largest difference < 1e-5:", np.abs(omap.probabilities - grid).max() < 1e-5)

# %% [markdown]
# **Interpret.** An occlusion map is nothing but this table of answers: one row of probabilities
# per position of the square. Drops, flips and heat are all read off it, without asking the net
# again.
#
# ## Nine squares and what the net says
#
# This is Fig. 11 of `minaee2019`: covered faces, each with its prediction. In the paper the happy
# face is lost when the mouth is covered, the angry one when the eyes and brows are.
#
# **Predict.** Point at the squares that will change the answer from happy to something else. Then
# do the same for an angry face.
#
# **Run.** An arrow marks a changed answer.

# %%
plots.show(plots.occluded(image, omap))

# %% [markdown]
# And the angry face:

# %%
angry_image = faces.images[pick("angry", 1)[0]]
plots.show(plots.occluded(angry_image, saliency.occlusion(net, angry_image)))

# %% [markdown]
# The paper shows nine squares, we have asked about all of them. Where does covering cost "happy"
# most, and what does the net say there?

# %%
row, column = omap.peak()
top, left, bottom, right = omap.box(row, column)
print(f"rows {top}-{bottom - 1}, columns {left}-{right - 1}")
print(f"happy falls by {omap.drop().max():.2f}")
print("the net then says", omap.classes[omap.probabilities[row, column].argmax()])

# %% [markdown]
# **Interpret.** Some squares hardly change the probability, some even raise it, a few decide. If the
# arrows lie on the mouth of the happy face and on the brows of the angry one, the net agrees with
# the paper. If they do not, resist the urge to pick other faces: this is what *this* net uses on
# *these* faces. And nine squares of 441 are a small sample: the worst one may lie between them.
#
# ## Two rules: flips and drops
#
# The paper keeps the positions where the *label* changes (`flips`). Others keep by how much the
# *probability* falls (`drop`). Both are one line on our table.
#
# **Predict.** Can a position have a large drop without a flip? A flip with a small drop?
#
# **Run.** By hand, against the module, then as a picture:

# %%
drop = clean[happy] - grid[..., happy]
flips = grid.argmax(-1) != clean.argmax()
print("drop agrees:", np.abs(drop - omap.drop()).max() < 1e-5)
print("flips agree:", np.array_equal(flips, omap.flips()))
if flips.any() and not flips.all():
    print(f"smallest drop with a flip {drop[flips].min():.2f}")
    print(f"largest drop without one  {drop[~flips].max():.2f}")

# %% [markdown]
# Left the face with the worst square, in the middle where covering costs probability (red) or
# helps (blue), right what stays visible where the label changes.

# %%
plots.show(plots.occlusion(image, omap))

# %% [markdown]
# How does this depend on how sure the net is? Ten faces of any expression near each probability:

# %%
correct = np.flatnonzero(result.labels == result.predictions)
top_probability = result.probabilities[correct].max(axis=1)
print("probability  flips  largest drop")
for near in (0.6, 0.8, 0.95, 0.9999):
    ten = correct[np.argsort(np.abs(top_probability - near))[:10]]
    maps = [saliency.occlusion(net, faces.images[i]) for i in ten]
    flipped = np.mean([one.flips().mean() for one in maps])
    largest = np.mean([one.drop().max() for one in maps])
    print(f"{near:11.4f} {flipped:6.2f} {largest:13.2f}")

# %% [markdown]
# **Interpret.** A flip needs the first class to fall *below the second*. On a face that the net is
# sure of, a drop of 0.4 flips nothing; on a doubtful face a drop of 0.05 flips. Read the column of
# flips from top to bottom: the surer the net, the emptier the flip map. The largest drop need not
# follow: also on a face of which the net is nearly certain, one square may cost most of the
# probability. So the flip map mixes two things, where the net looks and how sure it was. The drop
# map keeps them apart better, and it has a sign: blue squares *helped* when covered, which a flip
# map cannot show. The price is that a drop has no natural threshold.
#
# ## From squares to pixels: the heat map
#
# The drop map has 21 x 21 positions, the face 48 x 48 pixels. Each pixel lies under several
# squares; its heat is the **mean of their drops**. (This is captum's rule.)
#
# **Predict.** Under how many squares does a pixel in the middle lie? And the pixel in the corner?
#
# **Run** it for one pixel by hand:

# %%
y, x = (top + bottom) // 2, (left + right) // 2
above = [i for i, start in enumerate(starts) if start <= y < start + window]
beside = [j for j, start in enumerate(starts) if start <= x < start + window]
values = drop[np.ix_(above, beside)]
print(f"pixel ({y}, {x}) lies under {values.size} squares, mean drop {values.mean():.4f}")
print(f"heat map of the module there: {omap.heat()[y, x]:.4f}")

# %% [markdown]
# **Interpret.** In the middle it is (8 / 2)² = 16 squares, in the corner a single one. So heat is
# a *blurred* drop: nothing finer than about a window can be seen in it, and the values at the rim
# rest on few squares, which makes them less smooth.
#
# ## One map per emotion
#
# The table holds all seven probabilities, so we get seven maps for the price of one.
#
# **Predict.** If a square takes 0.3 from happy, where does the 0.3 go? What is the sum of the
# seven maps?
#
# **Run.** All maps share one colour scale. Red: covering this place takes probability *from* the
# class; blue: covering it gives probability *to* the class.

# %%
heats = [omap.heat(name) for name in net.classes]
plots.show(plots.heats([image], heats, net.classes))

# %% [markdown]
# The sum of the seven maps, everywhere:

# %%
print("sum of all maps < 1e-5:", np.abs(sum(heats)).max() < 1e-5)
gains = {name: -omap.drop(name)[row, column] for name in net.classes if name != "happy"}
winner = max(gains, key=gains.get)
print(f"under the worst square, {winner} gains most: {gains[winner]:.2f}")

# %% [markdown]
# **Interpret.** Probabilities sum to one, so what one class loses the others gain, and the maps
# cancel exactly. The blue spot of one class is the red spot of another: the maps of one face are
# not seven independent findings. A map always answers "why this class *rather than the others*".
#
# ## One face per emotion
#
# Fig. 12 of `minaee2019` is another thing: seven *faces*, one of each expression, each with the map
# of its own class. The authors read two things in it. The map of the neutral face covers nearly
# all of the face, "since changes in any parts of the face (such as eyes, lips, eyebrows and forehead)
# could lead to a different facial expression". And happiness, fear and surprise are sparser than the others.
#
# **Predict.** Will our net show the same? Think of what must be covered to turn a neutral face into
# something else.
#
# **Run.** First the figure, as in the paper: what stays visible is where covering changes the label.

# %%
def kept(image, omap):
    """Return the face where covering it changes the label, fading to white elsewhere."""
    share = omap.windows.spread(torch.tensor(omap.flips()).float()).sqrt().numpy()
    return 1 - share * (1 - image[0] / 255)


seven = [i for name in net.classes for i in pick(name, 1, near=0.9)]
own = [saliency.occlusion(net, faces.images[i]) for i in seven]
flipped = [kept(faces.images[i], one) for i, one in zip(seven, own, strict=True)]
pictures = [*(faces.images[i, 0] / 255 for i in seven), *flipped]
titles = [one.label for one in own] + [f"{one.flips().sum()} of {one.flips().size}" for one in own]
plots.show(plots.faces(pictures, titles, columns=len(seven), scale=1.2))

# %% [markdown]
# The same seven by the drop of their own class, on one colour scale:

# %%
titles = [f"{one.label} {one.clean.max():.2f}" for one in own]
heats = [one.heat() for one in own]
plots.show(plots.heats(faces.images[seven], heats, titles, columns=len(seven)))

# %% [markdown]
# One face each is no evidence. Ten faces of each expression, the widest first: the mean share of
# positions that flip, and the mean probability of the whole faces.

# %%
lines = []
for name in net.classes:
    maps = [saliency.occlusion(net, faces.images[i], stride=4) for i in pick(name, 10)]
    if maps:
        share = np.mean([one.flips().mean() for one in maps])
        lines.append((share, name, np.mean([one.clean.max() for one in maps])))
for share, name, sure in sorted(lines, reverse=True):
    print(f"{name:9} flips {share:.2f}  probability {sure:.2f}")

# %% [markdown]
# **Interpret.** Compare the order with the paper's: is neutral near the top, are happy, fear and
# surprise near the bottom? Where the orders agree, there is a good reason: neutral is the absence
# of everything, so a disturbance anywhere can pass for an expression. Where they differ, look at
# the last column before you blame the net: you have just seen that a surer net flips less. If that
# column does not explain it, this net on these faces does not do what theirs did on its seven.
#
# ## Several faces of one expression
#
# `minaee2019` (Fig. 13) shows three fearful faces. Their maps agree at the mouth; in one of them a
# part of the forehead joins in, which the authors put down to strong forehead lines.
#
# **Predict.** Five fearful faces: will the hot spot be at the same place? Eyes, brows or mouth? And
# are the maps of two fearful faces more alike than those of a fearful and a happy one?
#
# **Run.**

# %%
fearful = pick("fear", 5)
found = [saliency.occlusion(net, faces.images[i]) for i in fearful]
titles = [f"fear {one.clean.max():.2f}" for one in found]
plots.show(plots.faces(faces.images[fearful], titles, columns=5, scale=1.3))

# %% [markdown]
# Their maps, on one colour scale:

# %%
heats = [one.heat("fear") for one in found]
plots.show(plots.heats(faces.images[fearful], heats, titles, columns=5))

# %% [markdown]
# "Similar" can be a number: the correlation of two maps, pixel by pixel, averaged over all pairs.

# %%
happy_heats = [saliency.occlusion(net, faces.images[i]).heat("happy") for i in pick("happy", 5)]
table = np.corrcoef([heat.ravel() for heat in (*heats, *happy_heats)])
pairs = table[:5, :5][~np.eye(5, dtype=bool)]
print(f"two fearful faces: {pairs.mean():.2f}, from {pairs.min():.2f} to {pairs.max():.2f}")
print(f"a fearful and a happy face: {table[:5, 5:].mean():.2f}")

# %% [markdown]
# **Interpret.** Do not expect five copies. The heads are turned differently, and the hot spot of one
# face lies on its mouth, that of another on its brows. (On a face of which the net is very sure the whole
# map may be pale: where the same evidence is there twice, no single square matters.) The range from
# the least to the most similar pair says how far one map may be taken for the expression. "The net
# looks at the mouth" is a sentence about many faces; one map is a sentence about one.

# %% [markdown]
# ## The paper's own net
#
# The figures of `minaee2019` are Deep-Emotion's, which first crops the face by a spatial transformer
# ([03 Architectures](03_architectures.ipynb)). Ours so far were mini-Xception's. How much of them is
# the expression's, and how much the net's?

# %%
deep = models.pretrained(f"deep_emotion_{DATASET}")
nets, deep_result = {"Deep-Emotion": deep, "mini-Xception": net}, evaluate.evaluate(deep, faces)
print(deep_result.accuracy)

# %% [markdown]
# Faces that both name rightly, Deep-Emotion with about 75 %:


# %%
def pick_for_both(name, count, near=0.75):
    """Return faces of a class that both nets get right, Deep-Emotion with about `near`."""
    label = result.classes.index(name)
    said = np.stack([result.predictions, deep_result.predictions])
    right = np.flatnonzero((said == label).all(0) & (result.labels == label))
    distance = np.abs(deep_result.probabilities[right, label] - near)
    return right[np.argsort(distance)[:count]]

# %% [markdown]
# **Predict.** Two nets and one face, or one net and two faces of the same expression: which two maps
# will be more alike?
#
# **Run.** Nine squares on a happy and on an angry face (Fig. 11). Above each stands what
# Deep-Emotion says, and below that what mini-Xception says:

# %%
for name in ("happy", "angry"):
    one = faces.images[pick_for_both(name, 1)[0]]
    maps = [saliency.occlusion(each, one) for each in nets.values()]
    plots.show(plots.occluded(one, maps, columns=9))

# %% [markdown]
# One face for each expression (Fig. 12), Deep-Emotion's maps above, mini-Xception's below, on one
# colour scale:

# %%
def both_maps(chosen):
    """Draw the maps of some faces by both nets, a row for each net."""
    found = [saliency.occlusion(each, faces.images[i]) for each in nets.values() for i in chosen]
    titles = [f"{one.label} {one.clean.max():.2f}" for one in found]
    images, heats = [*faces.images[chosen]] * 2, [one.heat() for one in found]
    return plots.heats(images, heats, titles, columns=len(chosen))


plots.show(both_maps([i for name in net.classes for i in pick_for_both(name, 1, near=0.9)]))

# %% [markdown]
# And five fearful faces (Fig. 13):

# %%
plots.show(both_maps(pick_for_both("fear", 5)))

# %% [markdown]
# In numbers, for five faces of each expression (stride 4, to save time): the share of squares that
# change the label, and the share of the positive heat that lies in the lower half of the picture.

# %%
def lower(heat):
    """Return the share of the positive heat in the lower half of the picture."""
    positive = np.clip(heat, 0, None)
    return positive[24:].sum() / positive.sum()

# %% [markdown]
# All maps that are needed:

# %%
fives = {name: faces.images[pick_for_both(name, 5)] for name in net.classes}
found = {
    name: [[saliency.occlusion(each, one, stride=4) for one in five] for each in nets.values()]
    for name, five in fives.items()
    if len(five) == 5
}

# %% [markdown]
# Deep-Emotion first in each pair of columns:

# %% tags=["tolerance:5e-2"] reason="a label that hangs on a rounding error may change elsewhere"
print("          labels change    lower half")
for name, rows in found.items():
    flips = [np.mean([one.flips().mean() for one in row]) for row in rows]
    shares = [np.mean([lower(one.heat(name)) for one in row]) for row in rows]
    print(f"{name:9}" + "".join(f"{value:8.2f}" for value in (*flips, *shares)))

# %% [markdown]
# And how alike two maps are, as correlations:

# %%
alike, others = [], []
for name, rows in found.items():
    table = np.corrcoef([one.heat(name).ravel() for row in rows for one in row])
    alike += list(np.diag(table[:5, 5:]))
    others += [table[:5, :5][np.triu_indices(5, 1)], table[5:, 5:][np.triu_indices(5, 1)]]
print(f"two nets, one face:  {np.mean(alike):.2f}")
print(f"one net, two faces:  {np.mean(others):.2f}")

# %% [markdown]
# Figs. 1 and 2 of the paper show the seven expressions of several data sets and the regions that its
# nets, one trained on each, found in two: photographs from everywhere, and people who posed in a
# laboratory. Ours are the faces of the data set above, and below them one person, drawn from the
# front at full strength. (With `dataset="fer2013"` the upper ones are photographs.)

# %%
import faces3d

posing = models.pretrained("deep_emotion_facs3d")
wild = faces.images[[pick_for_both(name, 1, near=0.9)[0] for name in posing.classes]]
laboratory = np.stack([faces3d.draw(name, 480) for name in posing.classes])[:, None]
right = evaluate.predict(posing, laboratory).argmax(1) == torch.arange(7)
print(f"of the posed faces {right.sum()} are named rightly")

# %% [markdown]
# In every second row the paper's rule: what stays visible is where covering changes the label.

# %%
pictures, titles = [], []
for each, images in ((deep, wild), (posing, laboratory)):
    maps = [saliency.occlusion(each, one) for one in images]
    pictures += [one[0] / 255 for one in images]
    pictures += [kept(one, omap) for one, omap in zip(images, maps, strict=True)]
    titles += [*posing.classes, *(f"{one.flips().sum()} of {one.flips().size}" for one in maps)]
plots.show(plots.faces(pictures, titles, columns=7, scale=1.2))

# %% [markdown]
# **Interpret.** The two correlations first: on `facs3d` they are equal, .39 and .40. Another net changes
# a map as much as another face does. So these figures do not show where happiness or fear *is*; they
# show what one net used. The happy face is lost by mini-Xception under a square on the mouth, as in the
# paper, and by Deep-Emotion under three on brows and nose; the angry face by neither at the brows. (On
# the validation faces of FER2013 the two are .57 and .49, so the face counts a little more, and the lower
# half holds .84 of the heat of happiness for both nets: there the mouth is what the paper says it is.)
#
# What the paper says of its Fig. 12 holds in part. *Neutral* has, with *sad*, the most squares that change
# the label, for both nets. The lower half, where the mouth is, has most of the heat of fear for both; of
# happiness for mini-Xception only. That happiness, fear and surprise are sparser than the rest is not so for
# the upper faces, and is so to the letter for the person who posed: one square or none, beside 81 for
# neutral. The paper's own Fig. 12 shows people who posed (JAFFE), too. A strong expression is named with
# certainty, and you have seen above that a sure net flips little. (Deep-Emotion's faces are those near
# 0.75; mini-Xception is surer of them. Compare the order of its column, not the height.)
#
# ### What the transformer does to a map
#
# Deep-Emotion's transformer looks at the *covered* picture. So a square can do two things: hide a part
# of the face, and move the crop. To tell them apart, we hold the crop still.

# %%
import torch.nn.functional as F


class Held(torch.nn.Module):
    """Deep-Emotion with a crop that does not follow the picture."""

    def __init__(self, theta):
        super().__init__()
        self.deep, self.theta, self.classes = deep, theta, deep.classes

    def forward(self, pictures):
        x = self.deep.prepare(pictures)
        grid = F.affine_grid(self.theta.expand(len(x), 2, 3), list(x.shape), align_corners=False)
        return self.deep.trunk[1:](F.grid_sample(x, grid, align_corners=False))

# %% [markdown]
# **Predict.** Beside the crop there is a strip of picture that the layers behind it never see. Can a
# square on that strip change the answer?
#
# **Run.** Three maps of a face: of the picture as before, with the crop held still where it is for
# the whole face, and of the crop itself, as if it were the picture.

# %%
def three_ways(image):
    """Return three pairs of a net and the picture that the square is painted on."""
    with torch.no_grad():
        x = deep.prepare(torch.tensor(image)[None].float() / 255)
        theta, crop = deep.trunk.transformer.theta(x), deep.trunk.transformer(x)[0]
    still, identity = Held(theta).eval(), Held(torch.eye(2, 3)[None]).eval()
    return (deep, image), (still, image), (identity, ((crop + 1) / 2).clip(0, 1))

# %% [markdown]
# For a happy and for a fearful face, all six on one colour scale:

# %%
shown, heats = [], []
for name in ("happy", "fear"):
    for each, one in three_ways(faces.images[pick_for_both(name, 1)[0]]):
        shown.append(one)
        heats.append(saliency.occlusion(each, one).heat(name))
titles = ["happy", "crop held still", "of the crop", "fear", "crop held still", "of the crop"]
plots.show(plots.heats(shown, heats, titles, columns=6))

# %% [markdown]
# Two faces of each expression, all squares of stride 4. Squares that the held crop does not see change
# nothing there; black on black, which changes nothing anywhere, is left out.

# %% tags=["tolerance:5e-2"] reason="means over squares of float32 maps; last digits differ elsewhere"
def drops(name, image):
    """Return the drops of a class with the crop free, and with the crop held still."""
    pairs = three_ways(image)[:2]
    return [saliency.occlusion(each, one, stride=4).drop(name).ravel() for each, one in pairs]


two = [drops(name, one) for name, five in fives.items() for one in five[:2]]
free, held = np.swapaxes(two, 0, 1)
print(f"correlation, crop free and held: {np.corrcoef(free.ravel(), held.ravel())[0, 1]:.2f}")
print(f"mean change of the probability: {np.abs(free).mean():.3f} and {np.abs(held).mean():.3f}")
unseen = free[(np.abs(held) < 1e-6) & (np.abs(free) > 1e-6)]
print(f"squares beside the held crop: {unseen.size / free.size:.1%}")
if unseen.size:
    print(f"mean change by these, crop free: {np.abs(unseen).mean():.3f}")

# %% [markdown]
# **Interpret.** The transformer adds a doubt of its own. With the crop held still the map is another
# one, and a sixth of the change is gone: that part was no hidden evidence, the square had jogged the
# camera. Beside the crop, where the layers behind it see nothing, a square still changes the answer a
# little. A map of the crop is the held one in the crop's own coordinates: there eight pixels cover less of
# a crop that is narrower than the picture. (Some transformers end with one crop for all faces, as in
# [03 Architectures](03_architectures.ipynb); then nothing moves, and the first two maps are equal.)
#
# ## Window, stride and fill
#
# These three are *your* choice, not the net's.
#
# **Predict.** Which of the three will change the picture most? Is a larger square always hotter?
#
# **Run.** Rows: window 4, 8, 16. Columns: what the square is filled with.

# %%
settings = [(window, fill) for window in (4, 8, 16) for fill in saliency.FILLS]
heats = [saliency.occlusion(net, image, window=w, stride=2, fill=f).heat() for w, f in settings]
plots.show(plots.heats([image], heats, [f"{w} x {w}, {f}" for w, f in settings]))

# %% [markdown]
# And the stride alone, with black squares of 8 pixels:

# %%
strides = (1, 2, 4, 8)
heats = [saliency.occlusion(net, image, window=8, stride=s).heat() for s in strides]
plots.show(plots.heats([image], heats, [f"stride {s}" for s in strides]))

# %% [markdown]
# How much do the maps of the four fills resemble each other? Correlation with the black one,
# window 8, stride 2:

# %%
black = omap.heat().ravel()
for fill in saliency.FILLS[1:]:
    other = saliency.occlusion(net, image, window=8, stride=2, fill=fill).heat().ravel()
    print(f"{fill:6} {np.corrcoef(black, other)[0, 1]:.2f}")

# %% [markdown]
# **Interpret.** The window sets the size of what can be found: small squares leave enough of a
# mouth to be recognised, large ones cover mouth and cheek together and cannot say which it was.
# The stride only sets how finely the map is sampled. The fill is the uncomfortable one: a black
# square is not "nothing", it is a dark thing with sharp corners on the face, and the net answers
# to it. Where the maps of different fills agree, the *face* is speaking; where they differ, it is
# the paint. Report window, stride and fill with every map.
#
# ## Black on a dark face
#
# A square can only cost what it changes. Black over black hair, over a brow in the shade, over an
# open mouth: hardly a pixel is another one afterwards.
#
# **Predict.** On dark pictures, will a black or a white square find more in the *dark* places? And
# in the light ones?
#
# **Run.** The darkest faces that the net gets right (and is not certain of; all-black pictures,
# which FER2013 has, are left out). Here are five of them:

# %%
structured = faces.images[correct].std(axis=(1, 2, 3)) > 20
doubted = correct[structured & (top_probability < 0.97)]
darkest = doubted[np.argsort(faces.images[doubted].mean(axis=(1, 2, 3)))[:10]]
plots.show(plots.faces(faces.take(darkest[:5]), columns=5, scale=1.3))

# %% [markdown]
# Their maps with black squares above, and with white ones below:

# %%
fills = {"black": "black", "white": 1.0}
found = [saliency.occlusion(net, faces.images[i], fill=f) for f in fills.values() for i in darkest]
shown = [*range(5), *range(10, 15)]
images = [faces.images[darkest[n % 10]] for n in shown]
titles = [f"{list(fills)[n // 10]}: {found[n].label}" for n in shown]
plots.show(plots.heats(images, [found[n].heat() for n in shown], titles, columns=5))

# %% [markdown]
# All ten, in numbers. Of the 441 squares of each face we separate the quarter that covers the
# darkest places, and take the mean change of the probability, up or down:

# %%
boxes = [omap.box(row, column) for row, column in np.ndindex(omap.flips().shape)]
print("       darkest quarter  the rest")
for start, fill in zip((0, 10), fills, strict=True):
    effects = []
    for i, one in zip(darkest, found[start : start + 10], strict=True):
        light = np.array([faces.images[i, 0, y:b, x:r].mean() for y, x, b, r in boxes])
        dark, effect = light <= np.quantile(light, 0.25), np.abs(one.drop().ravel())
        effects.append((effect[dark].mean(), effect[~dark].mean()))
    in_dark, elsewhere = np.mean(effects, axis=0)
    print(f"{fill} {in_dark:16.2f} {elsewhere:9.2f}")

# %% [markdown]
# **Interpret.** Compare the first column's two numbers. Where white finds more than black, black did
# not show that the dark places are unused: it never covered them. A pale spot in a black map is "not
# used" or "was black already", and the map cannot say which. White is no way out (it has the same
# blind spot in the light), nor is the mean on a grey cheek. *Every* fill has colours on which it is
# invisible; noise has fewest, and looks least like a face.
#
# ## The border
#
# **Predict.** A window of 12 with stride 11 on 48 pixels: where does the last window start? Does
# it fit?
#
# **Run.**

# %%
edge = saliency.occlusion(net, image, window=12, stride=11)
last = edge.probabilities.shape[1]
for i in range(last):
    _, left, _, right = edge.box(0, i)
    print(f"position {i}: columns {left:2d} to {right - 1:2d}, {right - left:2d} wide")

# %% [markdown]
# The five squares of the middle row, as the net saw them:

# %%
plots.show(plots.occluded(image, edge, [(2, column) for column in range(last)], columns=5))

# %% [markdown]
# **Interpret.** (48 - 12) is not a multiple of 11, so the last window sticks out and is cut off:
# a sliver of 4 pixels remains. This is captum's rule, and ours; `minaee2019` does not say. Two other
# rules come to mind: leave the last window out (all windows inside), or push it back until it fits.
#
# ## What the border does to the map
#
# Which rule is right? We need a "net" of which we know the true map: its answer is the **mean
# brightness**, and the picture is all white. Every pixel is worth the same, so a true map is flat.
#
# **Predict.** For each of the three rules: which part of the map will be wrong, and in which
# direction?
#
# **Run.** The heat by hand, as the mean over the squares that cover a pixel. (The mean, not the sum: a pixel in the
# middle lies below more squares than one in a corner, and a sum shows that in place of the net. There are
# [packages that add](../findings/xplique_occlusion_sums.sh).)

# %%
def spread(drops, boxes):
    """Return for each pixel the mean drop of the boxes (top, left, bottom, right) over it."""
    total, count = np.zeros((2, 48, 48))
    for drop, (top, left, bottom, right) in zip(drops, boxes, strict=True):
        total[top:bottom, left:right] += drop
        count[top:bottom, left:right] += 1
    return total / np.maximum(count, 1)


def squares(starts):
    """Return the boxes of a window of 12 at all pairs of starts, cut off at 48."""
    return [(y, x, min(y + 12, 48), min(x + 12, 48)) for y in starts for x in starts]

# %% [markdown]
# Covering a box takes its area from the sum of a white picture, so the drop is area / 48²,
# here of brightness and not of a probability.

# %%
rules = {"cut off": (0, 11, 22, 33, 44), "inside only": (0, 11, 22, 33)}
rules["pushed back"] = (0, 11, 22, 33, 36)
heats = []
for rule in rules.values():
    areas = [(bottom - top) * (right - left) for top, left, bottom, right in squares(rule)]
    heats.append(spread(np.array(areas) / 48**2, squares(rule)))
white = np.full((48, 48), 255, np.uint8)
plots.show(plots.heats([white], heats, list(rules), unit="drop in brightness"))

# %% [markdown]
# Now the same on the face. The stride-1 map holds the answer for *every* square that fits, so the
# squares that were pushed back can be read off it; it is also the finest map there is.

# %%
full = saliency.occlusion(net, image, window=12, stride=1)
pushed = full.drop()[np.ix_(rules["pushed back"], rules["pushed back"])]
heats = [edge.heat(), spread(pushed.ravel(), squares(rules["pushed back"])), full.heat()]
by_hand = spread(edge.drop().ravel(), squares(rules["cut off"]))
print("by hand, cut off, agrees with the module:", np.abs(by_hand - heats[0]).max() < 1e-5)
for name, heat in zip(("cut off", "pushed back", "stride 1"), heats, strict=True):
    print(f"{name:11} mean strength of the last 4 columns {np.abs(heat[:, 44:]).mean():.3f}")

# %% [markdown]
# As pictures:

# %%
plots.show(plots.heats([image], heats, ["cut off", "pushed back", "stride 1"]))

# %% [markdown]
# **Interpret.** On the white picture the rule "cut off" makes the right and the lower rim pale: in
# the mean, a sliver counts like a full square though it covered a third of it. "Inside only" is
# worse, since the last three columns and rows lie under no square and get 0 (the white rim), which
# reads as "does not matter". "Pushed back" is flat. On the face the same rim is distorted; but note that the two
# coarse maps differ from the stride-1 map everywhere, because steps of 11 pixels miss what lies
# between. The cure is cheap: **choose a stride that divides 48 - window**, and no rule is needed.
# Window 8 with stride 1, 2, 4 or 8 fits.
#
# ## captum gives the same numbers
#
# [captum](https://captum.ai) is the library that most people use for such maps. Its `Occlusion`
# works on the net's raw scores (logits), not on probabilities. `saliency.Occlusion` takes
# its arguments and returns its numbers.
#
# **Predict.** How many forward passes will captum make, as it comes, for one map of ours?
#
# **Run.** We count the passes with a hook.

# %%
from captum.attr import Occlusion

passes = []
hook = net.register_forward_hook(lambda *_: passes.append(1))
options = dict(sliding_window_shapes=(1, 8, 8), strides=(1, 2, 2), target=happy)
theirs = Occlusion(net).attribute(picture[None], **options)
hook.remove()
ours = saliency.Occlusion(net).attribute(picture[None], **options)
print(f"captum: {len(passes)} forward passes for {len(omap.windows)} positions")
print("largest difference < 1e-5:", bool((theirs - ours).abs().max() < 1e-5))

# %% [markdown]
# With a softmax behind the net, captum's map of *probabilities* is our heat map, at the rim too:

# %%
answering = torch.nn.Sequential(net, torch.nn.Softmax(dim=1))
for window, stride in ((8, 2), (12, 11)):
    options = dict(sliding_window_shapes=(1, window, window), strides=(1, stride, stride))
    options |= dict(target=happy, perturbations_per_eval=64)
    theirs = Occlusion(answering).attribute(picture[None], **options)[0, 0].numpy()
    ours = saliency.occlusion(net, image, window=window, stride=stride).heat("happy")
    print(f"window {window:2}, stride {stride:2}: equal {np.abs(theirs - ours).max() < 1e-5}")

# %% [markdown]
# **Interpret.** One pass for each square and one for the clean face. A pass over 64 pictures costs
# far less than 64 passes, so captum's `perturbations_per_eval` is worth setting. The numbers are
# the same, so choose by comfort; and by speed, which is the next section.
#
# ## Why it is fast
#
# 441 pictures differ from one clean face in 64 pixels each. Most of what the net computes for them
# it has computed before.
#
# **Predict.** A square of 8 x 8 is painted into the middle. How large is the part of the map that
# changes after the first 3 x 3 convolution? After the second? After all layers?
#
# **Run.** Clean and covered face go through the trunk side by side, stage by stage. We keep where
# they differ.

# %%
box = (slice(20, 28), slice(20, 28))
dark_square = picture.clone()
dark_square[:, *box] = 0
both = net.prepare(torch.stack((picture, dark_square)))
modules = {f"module {i}": block for i, block in enumerate(net.trunk.blocks, start=1)}
stem = {f"stem {i}": layer for i, layer in enumerate(net.trunk.stem, start=1)}
changes = {"picture": (both[0] - both[1]).abs().amax(0)}
with torch.no_grad():
    for name, stage in (stem | modules | {"head": net.trunk.head}).items():
        both = stage(both)
        changes[name] = (both[0] - both[1]).abs().amax(0)

# %% [markdown]
# White: the two are equal. Grey: they differ, the darker the more. The maps shrink from left to
# right; they are drawn equally large.

# %%
figure, grid_of_axes = plt.subplots(1, len(changes), figsize=(10, 1.7), layout="constrained")
for axes, (name, change) in zip(grid_of_axes, changes.items(), strict=True):
    shade = 0.2 + 0.8 * (change / change.max()).sqrt()
    axes.imshow(torch.where(change > 1e-5, shade, 0), cmap="Greys", vmin=0, vmax=1)
    share = (change > 1e-5).float().mean()
    axes.set(xticks=[], yticks=[], xlabel=f"{share:.0%} of {len(change)} x {len(change)}")
    axes.set_title(name, size=9)
    axes.spines[:].set_visible(True)
alt = "Maps in a row: the changed box is small in the picture and grows until it fills the last."
plots.show(figure, alt=alt)

# %% [markdown]
# **Interpret.** Every 3 x 3 convolution lets the box grow by one pixel on each side; every pooling
# halves the map and the box, but the next convolution grows it by a whole (now larger) pixel again.
# Outside the box the covered face gives *exactly* what the clean face gave. In the last maps the box
# is everything, but there the maps are small.
#
# ## Only the difference travels
#
# A convolution is **linear**: conv(covered) - conv(clean) = conv(covered - clean), and a bias
# cancels. So the difference can travel alone, as a small box with zeros around it, and the clean
# face is computed once.
#
# **Predict.** Does the same hold for ReLU? Is relu(b) - relu(a) = relu(b - a)?
#
# **Run.** The first convolution of the net, and a ReLU behind it:

# %%
conv, relu = net.trunk.stem[0][0], torch.relu
clean_input, dark_input = net.prepare(torch.stack((picture, dark_square))).split(1)
difference = dark_input - clean_input
with torch.no_grad():
    a, b, alone = conv(clean_input), conv(dark_input), conv(difference)
print("convolution, difference alone:", bool((b - a - alone).abs().max() < 1e-5))
print("ReLU, difference alone:       ", bool((relu(b) - relu(a) - relu(alone)).abs().max() < 1e-5))
print("ReLU, with the clean values:  ", bool((relu(b) - relu(a + alone)).abs().max() < 1e-5))

# %% [markdown]
# And now in the box only: 8 x 8 pixels with a border of two zeros become 10 x 10 values.

# %%
patch = torch.nn.functional.pad(difference[..., *box], (2, 2, 2, 2))
with torch.no_grad():
    small = conv(patch)
reach = (slice(18, 28), slice(18, 28))
print("box:", tuple(small.shape[-2:]), "of", tuple(b.shape[-2:]))
print("inside, same numbers:", bool((small - (b - a)[..., *reach]).abs().max() < 1e-5))
rest = b - a
rest[..., *reach] = 0
print("outside, nothing changed:", bool(rest.abs().max() < 1e-5))

# %% [markdown]
# How much work is left over the whole net? A hook on every convolution counts its multiplications,
# and the share of its map inside the box. We send all 441 covered faces through, with the clean
# one in front:

# %%
work = []


def watch(conv, _, output):
    """Note side, multiplications for a whole picture, and the mean share inside the box."""
    changed = ((output[1:] - output[:1]).abs() > 1e-5).any(dim=1)
    boxes = changed.any(dim=1).sum(dim=1) * changed.any(dim=2).sum(dim=1)
    pixels = output[0, 0].numel()
    share = (boxes / pixels).mean().item()
    work.append((output.shape[-1], conv.weight.numel() * pixels, share))

# %% [markdown]
# One line per size of map:

# %% tags=["tolerance:3e-2"] reason="whether a value counts as changed may hang on a rounding error"
hooks = [m.register_forward_hook(watch) for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
with torch.no_grad():
    net(torch.stack([picture, *covered]))
for hook in hooks:
    hook.remove()
for side in (*sorted({side for side, _, _ in work}, reverse=True), "all"):
    whole = sum(count for s, count, _ in work if side in (s, "all"))
    left = sum(count * share for s, count, share in work if side in (s, "all"))
    print(f"maps of {side:3}: {whole:8,} multiplications, share left {left / whole:.3f}")

# %% [markdown]
# **Interpret.** The large maps come first, there the box is small, and there most of the saving is.
# In the small maps at the end the box is nearly everything, and most of what is left of the work is
# there. Nothing is approximated. A ReLU (and a max pooling) needs the clean value under the box, and that is kept from the one clean
# pass. What the count does not show: taking boxes out of many maps is a poor match for libraries
# made for whole pictures, so a third of the work is not a third of the time unless the loops are
# written for it. The idea is that of Nakandala, Kumar and Papakonstantinou (2019). Claim 1 of US patent
# 12,346,812 joins such partial re-computation with a second, finer map of regions that a first, coarse
# one marked; nothing here chooses regions by a coarse map.
#
# ## Three engines, one map
#
# `saliency.occlusion(engine=...)` knows three ways. `batched` sends whole pictures through the net,
# many at a time, and takes any net. `delta` lets the difference travel in boxes, through any net of
# convolutions, poolings and sums. `fused` does the same for mini-Xception, Deep-Emotion, LIGHTVGG and
# their kin with loops compiled on your machine, one square at a time, so that all its numbers stay in
# the processor's cache. `"auto"`, the default, takes the fastest that suits, and compares some squares with the
# plain net at every call.
#
# **Predict.** Three orders of summing floating-point numbers: will the maps be equal bit by bit?
# Equal to five digits?
#
# **Run.**

# %%
for name in ("batched", "delta", "auto"):  # auto: fused, where the processor can
    one = saliency.occlusion(net, image, window=8, stride=2, engine=name)
    agrees = np.abs(one.probabilities - grid).max() < 1e-5
    print(f"{name:7} agrees with our loops to 1e-5: {agrees}")

# %% [markdown]
# Positions of stride 8 are also positions of stride 4, those of 2, and so on. So a coarse map can be
# shown at once and refined, and no square is asked about twice. `saliency.coarse_to_fine` does that:

# %%
steps, asked = list(saliency.coarse_to_fine(net, image, window=8, stride=1)), 0
for one in steps:
    print(f"stride {one.stride[0]}: {len(one.windows):4} squares, {len(one.windows) - asked:4} new")
    asked = len(one.windows)
in_one_go = saliency.occlusion(net, image, window=8, stride=1).heat()
print("the last is that of one go:", np.abs(steps[-1].heat() - in_one_go).max() < 1e-5)

# %% [markdown]
# **Interpret.** Not equal bit by bit, since sums of floats depend on their order, but far below
# anything that a picture shows. An engine is a matter of time alone, never of the result; a map
# remembers which one made it (`omap.engine`). How long each takes depends on your machine:
# `python -m fer_utils bench occlusion` measures them against captum, for several nets.
#
# ## Does the map tell the truth?
#
# A map that looks plausible is not yet true. On photographs nobody knows which pixels carry the
# expression. On facs3d we do: every test face has part labels (brows, eyes, mouth, ...) and a
# **neutral twin**, the same person, pose and light without the expression. So this section always
# uses facs3d.

# %%
known = data.load("facs3d", split="test")
known_net = models.pretrained("mini_xception_facs3d")
answers = evaluate.evaluate(known_net, known)
for name, parts in faces3d.CARRIERS.items():
    print(f"{name:9}", ", ".join(parts) or "nothing")

# %% [markdown]
# These are the parts that the *action units* of an expression move; they come from the drawing
# program, not from any net. One face with its twin, the difference of the two, and the map:

# %%
distance = np.abs(answers.probabilities[:, happy] - 0.9)
i = np.where(answers.labels == happy, distance, np.inf).argmin()
face, twin = (a[i, 0].astype(float) / 255 for a in (known.images, known.twins))
found = saliency.occlusion(known_net, known.images[i])
change = np.abs(face - twin)
titles = ["happy", "neutral twin", "difference"]
plots.show(plots.faces([face, twin, change / change.max()], titles, columns=3, scale=1.6))

# %% [markdown]
# The map of the same face:

# %%
plots.show(plots.saliency(known.images[i], found.heat(), "drop of happy"))

# %% [markdown]
# Now a score. **Heat inside**: of all positive heat, which share lies on the parts that carry the
# expression? A map that knows nothing would spread evenly and get the **area** of these parts, as
# a share of the face. No occlusion map can reach 1, since each is blurred by its square. For
# scale we therefore send the true **difference** of the two faces through the same squares. (It is
# not the best possible score: faint changes of shading all over the face pull it down.)

# %%
def inside(heat, mask):
    """Return the share of the positive heat that lies inside the mask."""
    positive = np.clip(heat, 0, None)
    return positive[mask].sum() / positive.sum()


def through_squares(change, windows):
    """Return the heat map of a net whose drop is the change hidden by each square."""
    down, across = (windows.covers(d).double() for d in (0, 1))
    return windows.spread(down @ torch.tensor(change) @ across.T).numpy()

# %% [markdown]
# **Predict.** The carriers of happy cover a part of the face. Will the heat inside be clearly above
# their area? Which fill will tell more of the truth, black or blur?
#
# **Run** it on eight recognised faces of each expression (neutral carries nothing, so it is left
# out), with stride 4 to save time.

# %%
def score(i):
    """Return area, heat inside with black and with blur, and the difference's, of test face i."""
    carriers = faces3d.CARRIERS[known.classes[known.labels[i]]]
    parts = known.regions[i]
    mask = np.isin(parts, [known.region_names.index(part) for part in carriers])
    black, blur = (
        saliency.occlusion(known_net, known.images[i], stride=4, fill=fill)
        for fill in ("black", "blur")
    )
    change = np.abs(known.images[i, 0].astype(float) - known.twins[i, 0])
    heats = (black.heat(), blur.heat(), through_squares(change, black.windows))
    return mask.sum() / (parts != 0).sum(), *(inside(heat, mask) for heat in heats)

# %% [markdown]
# The mean of each column over the faces of an expression:

# %%
def recognised(label, count):
    """Return the first test faces of a class that the net gets right."""
    return np.flatnonzero((answers.labels == label) & (answers.predictions == label))[:count]


table = [np.mean([score(i) for i in recognised(k, 8)], axis=0) for k in range(6)]
print("            area  black   blur  difference")
for name, row in zip(known.classes, table, strict=False):
    print(f"{name:9}" + "".join(f"{value:7.2f}" for value in row))
area, black, blur, _ = np.transpose(table)
print(f"black above area: {np.sum(black > area)} of 6")
print(f"blur above black: {np.sum(blur > black)} of 6")

# %% [markdown]
# **Interpret.** Compare *black* with *area* first. Where it is hardly larger, the map points to the
# right parts little better than chance, however convincing it looked over a face. Then compare
# *blur* with *black*: same net, same faces, same squares, another paint. A low value has two
# possible reasons, and this number alone cannot tell them apart: the *map* may be wrong about the
# net, or the *net* may really use something else (hair, a shadow, the shape of the head). But the
# net did not change between the two columns. It is a first honest score, on drawings, for one net;
# scores on facs3d are no claims about people. [The next notebook](08_saliency_compared.ipynb) scores
# nine methods in this way.
#
# ## What occlusion cannot say
#
# Covering is not the same as taking away: a black square also *adds* something. With the neutral
# twin we can do the clean experiment. We replace a part of the face by the same part of the twin:
# the expression is gone there, and nothing else has changed.
#
# **Predict.** The upper face (brows, eyes, forehead) is painted black, or replaced by the twin's.
# Which lowers the probability of the label more? And do the drops of the upper and of the lower
# face add up to the drop of both together?
#
# **Run.**

# %%
halves = {"upper": ("brows", "eyes", "forehead"), "lower": ("nose", "cheeks", "mouth", "jaw")}
covers = []
for parts in halves.values():
    covers.append(np.isin(known.regions, [known.region_names.index(part) for part in parts]))


def drops(i, paint):
    """Return the drop of the label when upper, lower and both halves of face i are painted over."""
    upper, lower = covers[0][i], covers[1][i]
    masks = np.stack([upper, lower, upper | lower])[:, None]
    pictures = torch.tensor(np.where(masks, paint, known.images[i])).float() / 255
    with torch.no_grad():
        p = known_net(pictures).softmax(1)[:, known.labels[i]].numpy()
    return answers.probabilities[i, known.labels[i]] - p

# %% [markdown]
# Mean drops over 20 recognised faces of each expression:

# %%
print(f"{'':9}  painted black         neutral twin")
print(f"{'':9}  upper lower  both     upper lower  both")
for label, name in enumerate(known.classes[:6]):
    chosen = recognised(label, 20)
    black = np.mean([drops(i, np.uint8(0)) for i in chosen], axis=0)
    twin = np.mean([drops(i, known.twins[i]) for i in chosen], axis=0)
    left, right = ("".join(f"{value:6.2f}" for value in row) for row in (black, twin))
    print(f"{name:9} {left}   {right}")

# %% [markdown]
# The second warning: what does the net say of pictures without any face?

# %%
empty = {"all black": 0.0, "all grey": 0.5, "all white": 1.0}
for name, value in empty.items():
    with torch.no_grad():
        p = net(torch.full((1, 1, 48, 48), value)).softmax(1)[0]
    print(f"{name:9} -> {net.classes[int(p.argmax())]:8} {p.max():.2f}")

# %% [markdown]
# **Interpret.** The twin's columns are what the *expression* in a place is worth to the net. Where
# black costs more than the twin, the excess is the paint: a face with a black patch is a *new
# picture*, of a kind that was never in the training set, and part of every drop is the answer to
# "what is this patch?". The paint can also *help* a class: darkness over the eyes may pass for
# lowered brows. A net must say something even to a picture without a face. And the drops
# do not add up: where "both" is larger than upper and lower together, each half stands in for the
# other, and covering one of them finds nothing. So **a cold spot does not mean that the net
# ignores a place**; where "both" is smaller, the same evidence was counted twice.
#
# ## The explorer
#
# Everything above in one widget: model, face, window, stride, fill, and the class whose map is
# drawn. We give it the hundred faces on which the net hesitates most; there the maps are liveliest.
# This is what it shows at the start, as a still picture (for those who read this as a web page):

# %%
doubtful = faces.take(np.argsort(result.probabilities.max(axis=1))[:100])
still = saliency.occlusion(net, doubtful.images[0], window=8, stride=2)
plots.show(plots.occlusion(doubtful.images[0], still))

# %% [markdown]
# And here it is alive. Focus a slider and use the arrow keys, or drag it: the map follows. Move the
# pointer over the face and read what the net says with the square there. Things to try: a window of
# 2 and one of 24 on the same face; black against blur; a face that the net gets wrong; "map of" the
# second best class. [09 Explorer](09_explorer.ipynb) goes on from here.

# %%
mine = [name for name in models.pretrained_names() if name.endswith(DATASET)]
widgets.occlusion_explorer(doubtful, models=sorted(mine, reverse=True))

# %% [markdown]
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: bars instead of squares (easy)
#
# `window` may be a pair (height, width), and `stride` too. Cover a horizontal bar over the whole width,
# 6 pixels high, moved by 2, and plot the drop of happy against the row. Which band of the face does the
# net need?
#
# <details><summary>Hint 1</summary>
#
# The face is 48 wide: a window of (6, 48) has one place across, so its stride there is 48.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `.drop("happy")` of the map has one row for each position down, and one column.
#
# </details>

# %% tags=["starter"]
drops = None  # of happy, one for each position of the bar
check.ex7_1(drops, net, image)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Plot them against the middle of each bar; the band with the largest drop is the one that the net
# needs.
#
# ```python
# figure, axes = plt.subplots(figsize=(3, 3.5))
# axes.plot(drops, np.arange(len(drops)) * 2 + 3)
# axes.set(xlabel="drop of happy", ylabel="row", ylim=(48, 0))
# plots.show(figure, alt="Drop of happy against the row of the bar.")
# ```
#
# </details>

# %% tags=["solution"]
bars = saliency.occlusion(net, image, window=(6, 48), stride=(2, 48))
drops = bars.drop("happy")[:, 0]
check.ex7_1(drops, net, image)

# %% [markdown]
# ### Exercise 2: a net that knows nothing (easy)
#
# `models.create("mini_xception", seed=1)` has random weights. Draw its map of the same face with
# `plots.occlusion`. Does it look like nothing? How large is the largest drop, and what does that tell
# about maps whose colour scale you cannot see?
#
# <details><summary>Hint 1</summary>
#
# `saliency.occlusion` takes any net.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `.drop()` without a name is that of the net's own answer; the largest of it is asked.
#
# </details>

# %% tags=["starter"]
largest = None  # drop
check.ex7_2(largest, image)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The map has spots and edges like any other, because every map is stretched to its own largest
# value. The colour bar gives it away: the drops are tiny. A map without its scale is decoration.
#
# </details>

# %% tags=["solution"]
untrained = saliency.occlusion(models.create("mini_xception", seed=1), image)
plots.show(plots.occlusion(image, untrained))
largest = untrained.drop().max()
check.ex7_2(largest, image)

# %% [markdown]
# ### Exercise 3: strength (medium)
#
# `faces3d.draw("happy", identity=3, strength=s)` draws the same smile weaker or stronger. For
# s = 0.3, 0.5, 0.7, 1.0: how does the largest drop change, and how many positions flip? (Use
# `known_net`.)
#
# <details><summary>Hint 1</summary>
#
# `saliency.occlusion(known_net, drawn)` with its defaults; `.flips()` is True where the answer changes.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Print `.label` and `.clean.max()` beside the number of flips: how sure is the net at each strength?
#
# </details>

# %% tags=["starter"]
flips = None  # four counts, for 0.3, 0.5, 0.7 and 1.0
check.ex7_3(flips, known_net)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Around the strength at which the answer turns from neutral to happy small changes tip it, so
# flips are many there; a full smile survives most squares. The flip map follows how sure the net is, as said in
# the section on the two rules.
#
# </details>

# %% tags=["solution"]
flips = []
for s in (0.3, 0.5, 0.7, 1.0):
    drawn = faces3d.draw("happy", identity=3, strength=s)
    found = saliency.occlusion(known_net, drawn)
    flips.append(int(found.flips().sum()))
check.ex7_3(flips, known_net)

# %% [markdown]
# ### Exercise 4: a net that looks at everything first (hard)
#
# Deep-Emotion begins with a spatial transformer: it looks at the whole picture, chooses a crop, and
# warps. What does that do to the box? Predict, then count which share of the warped picture differs:
# `deep = models.pretrained("deep_emotion_facs3d")` has the module `deep.trunk.transformer`. Which
# engine makes its map? And what does `engine="delta"` answer?
#
# <details><summary>Hint 1</summary>
#
# Warp both pictures of above, `torch.stack((picture, dark_square))`, after `deep.prepare(...)`, and
# compare the two.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `saliency.occlusion(deep, image).engine` names the engine that `auto` took.
#
# </details>

# %% tags=["starter"]
share, engine = None, None  # share of pixels that differ; the engine's name
check.ex7_4(share, engine, picture, dark_square)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The square moves the crop a little, and with it nearly every pixel (what lies outside the face's
# picture stays 0): the box is the whole picture from there on, and nothing can be saved there. In
# front of it, in the network that chooses the crop, there are boxes as everywhere. `auto` takes
# `fused`, which has loops for both; `delta` refuses, with the reason.
#
# </details>

# %% tags=["solution"]
deep = models.pretrained("deep_emotion_facs3d")
with torch.no_grad():
    warped = deep.trunk.transformer(deep.prepare(torch.stack((picture, dark_square))))
share = ((warped[0] - warped[1]).abs() > 1e-5).float().mean()
engine = saliency.occlusion(deep, image).engine
check.ex7_4(share, engine, picture, dark_square)

# %% [markdown]
# ### Exercise 5: what is the truth? (hard)
#
# The last column of the score uses |face - twin|. Compute it with the *squared* difference as well. By
# how much does the share inside rise, on average over eight faces of each expression? For which does it
# change most, and why? Then try the difference set to 0 where it is below 10 % of white.
#
# <details><summary>Hint 1</summary>
#
# `through_squares(change, windows)` spreads a change as the squares do, and `inside(heat, mask)` is the
# share; `score` above shows where mask and change come from. `windows` is the same for all faces.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For each of `recognised(k, 8)`: the share with `change**2` less the share with `change`. Then the mean,
# for k from 0 to 5.
#
# </details>

# %% tags=["starter"]
windows = saliency.occlusion(known_net, known.images[0], stride=4).windows
gains = None  # six means: squared less plain, in the order of the classes
check.ex7_5(gains, known, answers, windows)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Small differences of shading lie all over the face, outside the carriers too; both changes
# remove most of them, so the share inside rises. "The truth" also needs a definition.
#
# </details>

# %% tags=["solution"]
def gain(i):
    carriers = faces3d.CARRIERS[known.classes[known.labels[i]]]
    mask = np.isin(known.regions[i], [known.region_names.index(part) for part in carriers])
    change = np.abs(known.images[i, 0].astype(float) - known.twins[i, 0])
    plain, squared = (inside(through_squares(c, windows), mask) for c in (change, change**2))
    return squared - plain


gains = [np.mean([gain(i) for i in recognised(k, 8)]) for k in range(6)]
check.ex7_5(gains, known, answers, windows)

# %% [markdown]
# ## Recap
#
# - The sliding square is two loops, one assignment and one softmax. Flips say where the label changes
#   and depend on how sure the net was; drops say by how much and have a sign; heat is the mean drop
#   of all squares over a pixel. One face is one face, and one net is one net: the paper's figures
#   need many of both to be a finding.
# - A larger window blurs, a stride only samples, a fill is a picture of its own and hides on its own
#   colour, and a stride that does not divide leaves slivers at the rim: state all of them.
# - Covering changes a box, which grows layer by layer; convolutions carry the difference alone, ReLU
#   and pooling need the clean values. captum, batches, boxes and compiled loops give one map.
# - Part labels and neutral twins of facs3d give a score, to be compared with the area (chance). It
#   shows what the paint adds; and a cold spot may still be used, when another part stands in for it.

# %% [markdown]
# Previous: [06 Confusion and precision](06_confusion_and_precision.ipynb) |
# Next: [08 Saliency compared](08_saliency_compared.ipynb)
