# %% [markdown]
# # Explorer
#
# **You will be able to**
#
# - look up what a network says of a face with a square over it, and say why that is instant;
# - find the action unit that carries an expression for a network, by moving it;
# - put a face of your own before a network, and say why not to believe the answer.
#
# **Read first:** [07 Occlusion saliency](07_occlusion_saliency.ipynb) and
# [08 Saliency compared](08_saliency_compared.ipynb).
#
# **Time:** about 15 minutes to read and run on a laptop CPU, 35 more for the exercises; the cells take less than a minute.

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
# FERPlus), the net, and its answers. We keep the hundred on which it hesitates most: there a small
# square can tip the balance.

# %%
import numpy as np
import torch

split = "test" if DATASET == "facs3d" else "valid"
faces = data.load(DATASET, split=split, progress=False).take(slice(0, 1000))
net = models.pretrained(f"mini_xception_{DATASET}")
sure = evaluate.evaluate(net, faces).probabilities.max(axis=1)
doubtful = faces.take(np.argsort(sure, kind="stable")[:100])

# %% [markdown]
# ## A table in place of a network
#
# The explorer further down shows new probabilities at every movement of the pointer. A net is
# far too slow for that in a web page, so the page gets the answers beforehand: one row of
# probabilities for each position of the square.

# %%
image = doubtful.images[0]
omap = saliency.occlusion(net, image, window=8, stride=2)
table = omap.probabilities
print(f"table {table.shape}, {table.nbytes / 1024:.0f} KiB")

# %% [markdown]
# **Predict.** The face is 48 pixels wide, the square 8, its step 2. The pointer is at row 30,
# column 20. Which row and column of the table belong to the square whose middle is nearest?
#
# **Run** it by hand. The middle of position i lies at 2 i + 4.

# %%
def position(pixel, window=8, stride=2, count=21):
    """Return the position of the square whose middle is nearest to the middle of a pixel."""
    nearest = int(np.floor((pixel + 0.5 - window / 2) / stride + 0.5))
    return min(max(nearest, 0), count - 1)


row, column = position(30), position(20)
print("position", (row, column), "covers rows and columns", omap.box(row, column))

# %% [markdown]
# Does the table say there what the net would say? We paint the square and ask it:

# %%
covered = torch.tensor(image).float()[None] / 255
covered[..., 2 * row : 2 * row + 8, 2 * column : 2 * column + 8] = 0
with torch.no_grad():
    asked = net(covered).softmax(1)[0].numpy()
print("net and table agree:", np.abs(asked - table[row, column]).max() < 1e-5)

# %% [markdown]
# **Interpret.** Everything the net can say of this face under this square fits into a few KiB, less
# than the picture of a button. The page looks it up, so the bars follow the pointer even when
# Python is busy. The price: another square, stride or paint is another table, and Python has to
# fill it.
#
# ## The square under your pointer
#
# **Predict.** This is the face on which the net hesitates most, with its map. Where would you put
# the square to change the answer? Where to make the net surer?

# %%
plots.show(plots.occlusion(image, omap))

# %% [markdown]
# **Run.** Move the pointer over the face or over the map. With the keyboard: Tab to the face, arrow
# keys for the square, Home for the place that costs most, Escape for the whole face. Then move
# the sliders; face, map and bars follow while you drag.

# %%
mine = [name for name in models.pretrained_names() if name.endswith(DATASET)]
others = ["small_resnet_ferplus", "mini_xception_ferplus", "mini_xception_facs3d"]
widgets.occlusion_explorer(doubtful, list(dict.fromkeys(sorted(mine, reverse=True) + others)))

# %% [markdown]
# **Interpret.** The bar is the answer under the square, the line the answer to the whole face. On a
# face like this one, one small square is enough to put another class first, and in places that
# have nothing to do with the expression: the net was hardly decided. Things to try:
#
# - a square of 3 pixels, and one of 20, on the same face;
# - `painted` blur in place of black: are the same places red?
# - `map by` another method of notebook 08. Every map makes a claim, and the square tests it: put it
#   where that map is darkest. Does covering the place really cost probability?
# - `expression` and `face`: look for a face whose answer no square can change.
# - `answers`: the faces on which the net is wrong, or hardly decided. Were the taggers, too?
# - `beside it`: a second net on the same face, or this face beside the next one, under one square.
#
# ## A face made of muscles
#
# `faces3d.draw` draws a face from action units, the muscles of FACS. So we need not cover anything:
# we can move one muscle and leave all else as it is.

# %%
import faces3d

drawn_net = models.pretrained("mini_xception_facs3d")


def ask(units):
    """Return the net's probabilities for a drawn face with these action units."""
    face = torch.tensor(faces3d.draw(action_units=units)).float()[None, None] / 255
    with torch.no_grad():
        return drawn_net(face).softmax(1)[0].numpy()

# %% [markdown]
# **Predict.** A happy face has its cheeks raised (6), its lip corners pulled up (12) and its lips
# apart (25). We take the smile, 12, back to nothing. At which value does the net stop saying
# happy, and what does it say then?
#
# **Run.**

# %% tags=["tolerance:0.1"] reason="a drawn pixel may be rounded differently on another processor"
for smile in (1.0, 0.8, 0.6, 0.4, 0.2, 0.0):
    p = ask({6: 0.9, 12: smile, 25: 1.0})
    print(f"smile {smile:.1f}: {drawn_net.classes[p.argmax()]:8} {p.max():.2f}")

# %% [markdown]
# Now the same for every expression and every one of its action units: which one, taken away, costs
# the expression most?

# %% tags=["tolerance:0.1"] reason="a drawn pixel may be rounded differently on another processor"
for label, name in enumerate(drawn_net.classes[:6]):
    units = faces3d.action_units.PROTOTYPES[name][0]
    left = {one: ask({u: v for u, v in units.items() if u != one})[label] for one in units}
    worst = min(left, key=left.get)
    known = faces3d.action_units.NAMES[worst]
    print(f"{name:9}{ask(units)[label]:.2f}; without {worst:2} ({known}) {left[worst]:.2f}")

# %% [markdown]
# **Interpret.** Read the last column. Where it is near zero, one muscle decides, and a net that
# reads only it would do as well. Where it stays high, several action units say the same, and
# none of them alone is missed. This is one drawn person in one light: a finding about this net and
# this drawing program, and a question, not an answer, about people.
#
# The happy face, what it rests on, and where a square would change the answer:

# %%
happy = faces3d.draw("happy")[None]
plots.show(plots.occlusion(happy, saliency.occlusion(drawn_net, happy)))

# %% [markdown]
# Now move the muscles yourself.
#
# **Predict.** Open the eyes of this face wide (5) and drop its jaw (26). Joy or surprise?
#
# **Run.** The numbers in front of the names are those of FACS, the sliders are in percent.

# %%
widgets.face_explorer()

# %% [markdown]
# **Interpret.** The map follows the face. Watch it while you move one slider from 0 to 100: where a
# muscle starts to matter, a red place appears, sometimes before the label changes. Then turn the
# head, or take the light from below, without touching a muscle: what changes now has nothing to do
# with the expression, and the net answers to it all the same.
#
# ## A face of your own
#
# The button *Upload a face* of the first explorer takes a picture file, looks for the largest face,
# and cuts it out. A net that has learned from photographs answers then, and the one for drawn faces
# stands beside it: see how sure it is of a picture such as it has never seen.
# The work is done by a function, so we can watch it. Our photograph is a drawing
# as well, five times as large as the faces of the data set, at the right of a grey wall:

# %%
from io import BytesIO

from PIL import Image

photograph = Image.new("RGB", (600, 300), (90, 90, 90))
photograph.paste(Image.fromarray(faces3d.draw("happy", 3, size=240, color=True)), (330, 30))
file = BytesIO()
photograph.save(file, "PNG")
face, done = widgets.read_upload(file.getvalue(), "photograph.png")
plots.show(plots.faces([np.array(photograph), face], ["photograph.png", "what the net gets"], 2, 2))

# %% [markdown]
# **Predict.** What should happen to a text file called .png, and to a picture without a face?
#
# **Run.**

# %%
from fer_utils import FerError

wall = BytesIO()
Image.new("L", (300, 200), 120).save(wall, "PNG")
for name, content in {"notes.png": b"Buy milk.", "wall.png": wall.getvalue()}.items():
    try:
        widgets.read_upload(content, name)
    except FerError as refused:
        print(refused)

# %% [markdown]
# **Interpret.** A net never says "there is no face": it always divides 100 % among its classes. So
# whoever feeds it must check. The finder of faces is a program with errors of its own; it was made
# for upright faces seen from the front.
#
# When you upload yourself, remember what the nets were trained on. One learned from drawings and
# has never seen a photograph; the other learned from small grey photographs that strangers labelled. No
# score in these notebooks is about you, and an expression is not a feeling. The picture goes to
# the kernel that runs this notebook and nowhere else; but if you save the notebook, the face may be
# saved with it, so clear the outputs before you pass it on.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: the smallest square (easy)
#
# Which is the smallest square that changes the answer for `image`, at any position? Find it with
# the explorer, then by code.
#
# <details><summary>Hint 1</summary>
#
# `.flips()` of a map is True where the answer changed; `.any()` says whether it did anywhere.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Try the sides from 2 on, with `stride=1`, and stop at the first that flips.
#
# </details>

# %% tags=["starter"]
window = None  # pixels
check.ex9_1(window, net, image)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# On a face on which the net hesitates so much it is a very small one. Repeat it with a face of
# which the net is sure: `faces.take([sure.argmax()]).images[0]`.
#
# </details>

# %% tags=["solution"]
for window in range(1, 25):
    found = saliency.occlusion(net, image, window=window, stride=1)
    if found.flips().any():
        break
check.ex9_1(window, net, image)

# %% [markdown]
# ### Exercise 2: from fear to surprise (medium)
#
# Fear and surprise share raised brows and wide eyes. Start from the action units of fear and set
# one at a time to what it is in surprise. Which single steps take the net from one to the other?
#
# <details><summary>Hint 1</summary>
#
# `faces3d.action_units.PROTOTYPES["fear"][0]` is a dictionary of units and strengths; a unit that is
# missing is 0.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `ask({**fear, unit: surprise.get(unit, 0)})` for each unit of the two: what is the largest?
#
# </details>

# %% tags=["starter"]
units = None  # a list of unit numbers; empty if no single step does it
check.ex9_2(units, ask, drawn_net.classes)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# `faces3d.action_units.NAMES` says which muscles they are. Print the word for every unit: one sees which
# steps move the probability without turning it.
#
# </details>

# %% tags=["solution"]
fear, surprise = (faces3d.action_units.PROTOTYPES[n][0] for n in ("fear", "surprise"))
units = []
for unit in sorted(fear.keys() | surprise.keys()):
    p = ask({**fear, unit: surprise.get(unit, 0)})
    if drawn_net.classes[p.argmax()] == "surprise":
        units.append(unit)
check.ex9_2(units, ask, drawn_net.classes)

# %% [markdown]
# ### Exercise 3: who does not matter (medium)
#
# Draw the same happy face for persons 0 to 19 (`faces3d.draw("happy", i)`) and count how often
# the net says happy. Then a smaller smile (`strength=0.4`). For whom does it fail, and what have these
# people in common? (`faces3d.identity.person(i).traits` knows them.)
#
# <details><summary>Hint 1</summary>
#
# `faces3d.draw("happy", i, strength=0.4)` draws every action unit at 0.4 of its strength.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Ask `drawn_net` about all twenty at once, and keep those whose largest answer is not happy. Then look at
# them with `plots.faces`.
#
# </details>

# %% tags=["starter"]
people = None  # the numbers of those who are not called happy at the smaller smile
check.ex9_3(people, drawn_net)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Three, and all are young men. Before you name a cause, draw a hundred people and count those with and
# without it: of 63 younger than the middle 17 are not called happy, of the other 37 three; of 52 men
# 13, of 48 women 7. Age is worth a second look, sex is within luck.
#
# </details>

# %% tags=["solution"]
smaller = np.stack([faces3d.draw("happy", one, strength=0.4) for one in range(20)])
with torch.no_grad():
    said = drawn_net(torch.tensor(smaller)[:, None] / 255).argmax(1).numpy()
people = np.flatnonzero(said != drawn_net.classes.index("happy"))
check.ex9_3(people, drawn_net)

# %% [markdown]
# ## Recap
#
# - One forward pass per position fills a table; looking up the square under the pointer takes no
#   net, which is why it is instant.
# - Moving one action unit and leaving all else as it is shows what an expression hangs on, for one
#   net and one drawn person.
# - A net answers whatever it is given, face or not, and a face unlike those it was trained on is
#   a guess with a percentage.

# %% [markdown]
# Previous: [08 Saliency compared](08_saliency_compared.ipynb) | Next: [10 Claims and protocols](10_claims_and_protocols.ipynb)
