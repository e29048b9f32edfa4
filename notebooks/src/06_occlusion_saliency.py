# %% [markdown]
# # Occlusion saliency
#
# **You will be able to**
#
# - write the sliding square of `minaee2019` by hand, and get the module's numbers;
# - read a flip map, a drop map and a heat map, and say how the last comes from the one before;
# - say what window, stride, fill and border do to a map before you believe it;
# - score a map against the truth, and name what occlusion cannot tell.
#
# **Read first:** [05 Confusion and precision](05_confusion_and_precision.ipynb), and section IV-C
# of `minaee2019`, which is half a page.
#
# **Time:** 35 minutes on a laptop CPU; the cells take less than a minute.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# Faces that the net was not trained on, and the net. Where there are no test faces the validation
# faces stand in.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

faces = data.load(DATASET, progress=False)
faces = faces.where(split="test" if "test" in faces.split else "valid")
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
# The module does the same in one call, in batches. Do the numbers agree, for all positions and
# all seven classes?

# %%
omap = saliency.occlusion(net, image, window=8, stride=2)
print(omap)
print("same shape:", omap.probabilities.shape == grid.shape)
print("largest difference < 1e-5:", np.abs(omap.probabilities - grid).max() < 1e-5)

# %% [markdown]
# **Interpret.** An occlusion map is nothing but this table of answers: one row of probabilities
# per position of the square. Everything below is read off it, without asking the net again.
#
# ## Nine squares and what the net says
#
# This is Fig. 11 of `minaee2019`: covered faces, each with its prediction.
#
# **Predict.** Point at the squares that will change the answer from happy to something else.
#
# **Run.** An arrow marks a changed answer.

# %%
plots.show(plots.occluded(net, image, omap))

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
# largest drop lies on the mouth, the net agrees with the happy face of the paper.
# If it does not, resist the urge to pick another face: this is what *this* net uses on *this*
# face.
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
# **Interpret.** A flip needs the first class to fall *below the second*. On a face that the net is
# sure of, a drop of 0.4 flips nothing and the flip map is empty; on a doubtful face a drop of 0.05
# flips. So the flip map mixes two things, where the net looks and how sure it was. The drop map
# separates them, and it has a sign: blue squares *helped* when covered, which a flip map cannot
# show. The price is that a drop has no natural threshold.
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
# ## Several faces of one expression
#
# `minaee2019` (Fig. 13) shows three fearful faces with similar, but not equal maps.
#
# **Predict.** Five fearful faces: will the hot spot be at the same place? Eyes, brows or mouth?
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
# **Interpret.** Do not expect five copies. The heads are turned differently, one face shows its
# fear with the mouth and another with the brows, and on a face of which the net is very sure the
# whole map is pale: the same evidence is there twice, so no single square matters. "The net looks
# at the mouth" is a sentence about many faces; one map is a sentence about one.
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
plots.show(plots.occluded(net, image, edge, [(2, column) for column in range(last)], columns=5))

# %% [markdown]
# **Interpret.** (48 - 12) is not a multiple of 11, so the last window sticks out and is cut off:
# a sliver of 4 pixels remains. (captum does the same; `minaee2019` does not say.) In the mean that
# makes the heat, a sliver counts like a full square, so the right and the lower rim look less
# important than the left and the upper one. Choose window and stride so that the stride divides
# 48 - window, or distrust the rim. Window 8 with stride 2 fits.
#
# ## captum gives the same numbers
#
# [captum](https://captum.ai) is the library that most people use for such maps. Its `Occlusion`
# works on the net's raw scores (logits), not on probabilities. `saliency.captum_occlusion` takes
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
ours = saliency.captum_occlusion(net, picture[None], **options)
print(f"captum: {len(passes)} forward passes for {len(omap.windows)} positions")
print("largest difference < 1e-5:", bool((theirs - ours).abs().max() < 1e-5))

# %% [markdown]
# **Interpret.** One pass for each square and one for the clean face. A pass over 64 pictures costs
# far less than 64 passes, so captum's `perturbations_per_eval` is worth setting; our module always
# works in batches. `python -m fer_utils bench occlusion` measures both on your machine. The numbers
# are the same, so choose by comfort.
#
# ## Does the map tell the truth?
#
# A map that looks plausible is not yet true. On photographs nobody knows which pixels carry the
# expression. On facs3d we do: every test face has part labels (brows, eyes, mouth, ...) and a
# **neutral twin**, the same person, pose and light without the expression. So this section always
# uses facs3d.

# %%
from fer_utils import faces3d

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
# scores on facs3d are no claims about people.
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
# And here it is alive. Focus a slider and use the arrow keys, or drag it; the map is drawn again
# when you let go. Things to try: a window of 2 and one of 24 on the same face; black against blur;
# a face that the net gets wrong; `target` on the second best class.

# %%
mine = [name for name in models.pretrained_names() if name.endswith(DATASET)]
widgets.occlusion_explorer(doubtful, models=sorted(mine, reverse=True))

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: bars instead of squares
#
# `window` may be a pair (height, width). Cover a horizontal bar over the whole width, 6 pixels
# high, with a stride of 2, and plot the drop of happy against the height. Which band of the face
# does the net need?
#
# <details><summary>Solution</summary>
#
# ```python
# bars = saliency.occlusion(net, image, window=(6, 48), stride=(2, 48))
# figure, axes = plt.subplots(figsize=(3, 3.5))
# axes.plot(bars.drop("happy")[:, 0], np.arange(bars.drop().shape[0]) * 2 + 3)
# axes.set(xlabel="drop of happy", ylabel="row", ylim=(48, 0))
# plots.show(figure, alt="Drop of happy against the row of the bar.")
# ```
#
# </details>
#
# ### Exercise 2: a net that knows nothing
#
# `models.create("mini_xception", seed=1)` has random weights. Draw its map of the same face with
# `plots.occlusion`. Does it look like nothing? What does that tell about maps whose colour scale
# you cannot see?
#
# <details><summary>Solution</summary>
#
# ```python
# random_net = models.create("mini_xception", seed=1)
# plots.show(plots.occlusion(image, saliency.occlusion(random_net, image)))
# ```
#
# The map has spots and edges like any other, because every map is stretched to its own largest
# value. The colour bar gives it away: the drops are tiny. A map without its scale is decoration.
#
# </details>
#
# ### Exercise 3: strength
#
# `faces3d.draw("happy", identity=3, strength=s)` draws the same smile weaker or stronger. For
# s = 0.3, 0.5, 0.7, 1.0: how does the largest drop change, and how many positions flip? (Use
# `known_net`.)
#
# <details><summary>Solution</summary>
#
# ```python
# for s in (0.3, 0.5, 0.7, 1.0):
#     drawn = faces3d.draw("happy", identity=3, strength=s)
#     found = saliency.occlusion(known_net, drawn)
#     largest = found.drop("happy").max()
#     print(s, found.label, found.clean.max(), found.flips().sum(), largest)
# ```
#
# Around the strength at which the answer turns from neutral to happy small changes tip it, so
# flips are many there; a full smile survives most squares. The flip map follows how sure the net is, as said in
# the section on the two rules.
#
# </details>
#
# ### Exercise 4: what is the truth?
#
# The last column of the score uses |face - twin|. Compute it with the *squared* difference, and
# with the difference set to 0 where it is below 10 % of white. For which expressions does it
# change most, and why?
#
# <details><summary>Solution</summary>
#
# Replace `change` in `score` by `change**2`, or by `np.where(change > 0.1 * 255, change, 0)`.
# Small differences of shading lie all over the face, outside the carriers too; both changes
# remove most of them, so the share inside rises. "The truth" also needs a definition.
#
# </details>

# %% [markdown]
# ## Recap
#
# - The sliding square is two loops, one assignment and one softmax; the module gives the same
#   numbers for all classes in one pass, and so does captum, one picture at a time.
# - Flips say where the label changes and depend on how sure the net was; drops say by how much and
#   have a sign; heat is the mean drop of all squares over a pixel.
# - A larger window blurs, a stride only samples, a fill is a picture of its own, and a stride that
#   does not divide leaves slivers at the rim: state all three, and compare fills.
# - Part labels and neutral twins of facs3d give a score, to be compared with the area (chance). It
#   shows what the paint adds; and a cold spot may still be used, when another part stands in for it.

# %% [markdown]
# Previous: [05 Confusion and precision](05_confusion_and_precision.ipynb)
