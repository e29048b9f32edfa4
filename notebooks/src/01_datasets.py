# %% [markdown]
# # Data sets of faces
#
# **You will be able to**
#
# - say what a labelled expression data set holds, and open one, or a folder of your own photos;
# - compute the accuracy that a model reaches without looking, and say what accuracy hides;
# - turn the votes of ten people into labels by several rules, and say why the rule changes the
#   test set;
# - check a data set before you trust it: copies, black pictures, people on both sides of a split,
#   and how many points of a score are memory of them.
#
# **Read first:** [00 Start here](00_start_here.ipynb).
#
# **Time:** about 50 minutes to read and run on a laptop CPU, 60 more for the exercises.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run this one on real
# faces, once you have that data set (`python -m fer_utils data fer2013` says how to get it), or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# ## What is in the box
#
# A labelled expression data set is a pile of pictures of faces, and for each picture one word that
# somebody chose. Everything else (who is shown, who chose the word, how sure they were) may or may
# not come with it. The kit reads every data set into the same object, a `FaceSet`.
#
# **Predict.** A picture of the data set is 48 pixels wide and 48 high, grey. How many numbers is
# that, and what is the smallest and the largest that a pixel can hold? (A tempting answer is
# "0 to 1".)
#
# **Run** the next cell.

# %%
faces = data.load(DATASET, progress=False)
print(faces)
print("images:", faces.images.shape, faces.images.dtype)
print("numbers in one picture:", faces.images[0].size)
print("smallest and largest:", faces.images.min(), faces.images.max())

# %% [markdown]
# **Interpret.** The four sides of `images` are faces, channels, height, width: (N, C, H, W), the
# order that torch expects. Grey means one channel, so a picture is 48 x 48 = 2,304 whole numbers
# of eight bits, which can run from 0 (black) to 255 (white). The numbers from 0 to 1 come later:
# `faces.pictures()` divides by 255 and hands out float tensors. The network never sees "a face".
# It sees these 2,304 numbers.
#
# The label is a whole number too, an index into `faces.classes`. Which number means which word is
# a convention; this kit keeps FER2013's.

# %%
print(list(enumerate(faces.classes)))
print("the first ten labels:", faces.labels[:10])
print("the first ten words: ", [faces.classes[label] for label in faces.labels[:10]])

# %% [markdown]
# A `FaceSet` is read-only. You take parts of it, by split, by label or by position, and each part
# is a `FaceSet` again. Here are seven faces of every class, one class per row.

# %%
rows = [faces.where(split="train", label=name).take(slice(0, 7)) for name in faces.classes]
pictures = [picture for row in rows for picture in row.images]
words = [row.classes[label] for row in rows for label in row.labels]
plots.show(plots.faces(pictures, titles=words, columns=7, scale=0.85))

# %% [markdown]
# Cover the words with your hand and name a few faces yourself. If you hesitate between two words,
# remember which two: [notebook 06](06_confusion_and_precision.ipynb) shows whether a network
# hesitates at the same place.
#
# ## How many of each?
#
# **Predict.** Think of a model that never opens its eyes and gives the same answer to every
# picture. It may choose that answer. With seven classes, how often will it be right on the
# validation faces? (One in seven?)
#
# **Run** the two cells below: first the counts, then the blind model, written out.

# %%
plots.show(plots.counts(faces))

# %% [markdown]
# The blind model looks at the training labels once, notes the most frequent one, and repeats it.

# %%
import numpy as np

valid = faces.where(split="valid")
often = np.bincount(faces.where(split="train").labels).argmax()
answers = np.full(len(valid), often)
accuracy = (answers == valid.labels).sum() / len(valid)
print(f"always {faces.classes[often]!r}: right {100 * accuracy:.1f} % of the time")
print(f"one in {len(faces.classes)} would be {100 / len(faces.classes):.1f} %")

# %% [markdown]
# **Interpret.** The blind model beats one in seven, because the classes are not equally large: its
# accuracy is simply the share of the largest class. So "my network reaches 25 %" says very little.
# The first number to put beside any accuracy is this one, the *majority baseline*.
#
# The reverse is worse. The rarest class is so small that a network can give it up entirely and
# hardly lose anything. The network of `alessi2019` is "not able to classify disgust expressions" of
# FER2013, where disgust is 547 faces of 35,887. Its overall accuracy barely notices.
#
# The module computes accuracy from probabilities. A blind model's probabilities are 1 for its word
# and 0 for the rest. Do the two ways agree?

# %%
certain = np.eye(len(faces.classes), dtype=np.float32)[answers]
blind = evaluate.Evaluation(certain, valid.labels, faces.classes)
print("the module says:", blind.accuracy)
print("by hand it is the same:", blind.accuracy.value == accuracy)

# %% [markdown]
# The bracket holds what the bare percentage hides: how many faces it was measured on, and the
# 95 % interval that follows from that number. Accuracy hides one more thing. Ask for the share of
# right answers *within each class* (the recall), and take the plain mean over the classes.

# %%
recall = [row["recall"] for row in blind.per_class()]
for name, value in zip(faces.classes, recall, strict=True):
    print(f"{name:9} {value:.2f}")
print(f"mean over the classes: {np.mean(recall):.3f}")

# %% [markdown]
# One class perfect, all others lost, and a mean of exactly one in seven: this number was not
# fooled. [Notebook 06](06_confusion_and_precision.ipynb) is about such numbers.
#
# ## The mean face
#
# **Predict.** Add up all training faces of a class, pixel by pixel, and divide by their number. Is
# anything of the expression left, or only grey fog?
#
# **Run.** The upper row is the mean of each class. The lower row is what the class adds to or
# takes from the mean of all faces (mid-grey is no difference), with its contrast raised.

# %%
known = faces.where(split="train")
overall = known.images.mean(0)
means = [known.where(label=name).images.mean(0) for name in faces.classes]
extra = [mean - overall for mean in means]
largest = max(np.abs(difference).max() for difference in extra)
shown = [mean / 255 for mean in means] + [0.5 + difference / (2 * largest) for difference in extra]
plots.show(plots.faces(shown, titles=list(faces.classes) * 2, columns=len(means)))

# %% [markdown]
# **Interpret.** How foggy the upper row is depends on how well the faces lie on top of each other.
# In FER2013 a face detector cut them out, so eyes mostly fall on eyes and the mean is a face. In
# facs3d heads turn, tilt and shift, and the mean is hardly more than an oval. Even so the lower row
# is not empty: what differs from person to person averages away, what a class shares stays. Look
# at the mouth of happy and of surprise.
#
# Two warnings. A class with few faces has a noisy mean: patches outside the face, or a visible
# outline of a head, are luck and not expression. And a mean shows only what survives adding. A
# movement that happens on the left in one face and on the right in another is lost.
#
# ## Ten people, ten words
#
# Who says that a face is "fear"? In FER2013, a web search for the word did, and a person threw out
# the worst. FERPlus later showed each of those pictures to ten people and kept all ten votes,
# among them two that are no expressions: "unknown" and "NF" (not a face). facs3d has ten
# *simulated* taggers, who each see the face's muscle movements with some noise.
#
# **Predict.** For how many faces of ten do all ten taggers choose the same word? More than half?
#
# **Run.** `ferplus` is labelled by its votes, so there the first line takes the same faces as
# FER2013 labels them; where the data set at hand has no votes, the next lines take facs3d's.

# %%
voted = data.load("fer2013", progress=False) if DATASET == "ferplus" else faces
if voted.votes is None:
    voted = data.load("facs3d")
counted = voted.votes.sum(1)
agreement = voted.votes.max(1) / counted
print("answers to choose from:", ", ".join(voted.vote_names))
print(f"faces on which all agree: {100 * (agreement == 1).mean():.0f} %")
half = (agreement <= 0.5).mean()
print(f"faces on which the first word has half of the votes or less: {100 * half:.0f} %")

# %% [markdown]
# Now per class: how large is the share of the first word, on average?

# %%
for index, name in enumerate(voted.classes):
    share = agreement[voted.labels == index].mean()
    print(f"{name:9} {share:.2f}  {'#' * int(40 * share)}")

# %% [markdown]
# And in pictures: four faces that nobody doubts, and four that divide the taggers most (with the
# three words that got most votes).

# %%
order = np.argsort(agreement, kind="stable")
chosen = np.concatenate([order[-4:], order[:4]])
titles = []
for row in voted.votes[chosen]:
    most = [k for k in np.argsort(-row.astype(int), kind="stable")[:3] if row[k]]
    titles.append(", ".join(f"{row[k]} {voted.vote_names[k]}" for k in most))
plots.show(plots.faces(voted.images[chosen], titles=titles, columns=4, scale=1.8))

# %% [markdown]
# **Interpret.** On a good part of the faces the ten do not agree, and on some they do not agree at
# all. Those need not be bad pictures. They are weak or mixed expressions, or faces nearly at rest,
# into which each tagger reads something else; any single word for them is partly wrong. A network
# that answers such a face with 50 % "sad" and 50 % "neutral" may be the one that is right.
#
# Some classes have more agreement than others. That also puts a lid on how well a network *can*
# score: where ten people do not find one word, no network will reliably find the one that happens
# to be the label.
#
# ## Is the label right?
#
# Votes were not what made the labels. In FER2013 the search word did, in facs3d the expression that
# the face was asked to show. So the two can be compared.
#
# **Predict.** Take the taggers for a classifier that answers each face with their votes. How often
# is its first word the label? And which label do they doubt most?
#
# **Run.** The shares of the votes go in where a network's probabilities would.

# %%
shares = voted.vote_distribution()
heard = np.flatnonzero(shares.sum(1) > 0)
taggers = evaluate.Evaluation(shares[heard, :7], voted.labels[heard], voted.classes)
print("faces with a vote for an expression:", len(heard))
print("the taggers' first word is the label:", taggers.accuracy)
plots.show(plots.confusion(taggers))

# %% [markdown]
# **Interpret.** Each row is a label, each column ("predicted") the taggers' first word. What lies
# off the diagonal is called *label noise*: the picture is labelled with a word that those who look
# at it would not choose. On facs3d much of it lies in the last column, because a weak expression
# looks like none, and in the last row, because a face at rest still looks like something.
#
# On the real thing there is more of it. FERPlus's ten people looked at FER2013's training and
# validation faces; of the 32,138 with a vote for an expression, their first word is FER2013's label
# for 64 % (and of the 35,711 with the test faces as well). That is no more and no less than people
# score who are tested on FER2013: 65 %, give or take 5. A network that scores 70 % there has found
# something in the pictures that goes with the labels and that ten people looking at the face do not
# go by. It may be a habit of the search engine, or a picture that it has seen before; it need not
# be a better eye for faces.
#
# ## One word from ten votes: the rule
#
# To train on one word per face, votes must become a label. FERPlus's rule **majority** is: drop
# single votes as slips; the word with most votes must then have more than half of what is left, or
# the face is thrown out. **probability** keeps faces with up to three words in play, **multi
# target** every word with 30 % of the votes, **argmax** just takes the first word.
#
# **Predict.** Majority throws faces out. Does that make the remaining test set easier, harder, or
# neither?
#
# **Run.** First the rule by hand; it must agree with the module's.

# %%
votes = np.where(voted.votes > 1, voted.votes, 0).astype(int)
first = votes.argmax(1)
is_word = np.array([name not in ("unknown", "NF") for name in voted.vote_names])
usable = (votes.max(1) > 0.5 * votes.sum(1)) & is_word[first]
majority = voted.relabel("majority")
by_hand = [voted.vote_names[k] for k in first[usable]]
print("same faces kept:", len(majority) == usable.sum())
print("same words:", by_hand == [majority.classes[label] for label in majority.labels])

# %% [markdown]
# `relabel` prints how many faces it keeps, because nobody should quote a score without that
# number. Now one network, never changed, is scored on the validation faces that each rule keeps.
# (It knows seven words; faces that a rule calls "contempt" are left out.)

# %%
net = models.pretrained(f"mini_xception_{voted.name}")
for rule in ("argmax", "probability", "multi_target", "majority"):
    kept = voted.where(split="valid").relabel(rule)
    kept = kept.take(np.flatnonzero(kept.labels < len(net.classes)))
    print("    accuracy", evaluate.evaluate(net, kept).accuracy)

# %% [markdown]
# **Interpret.** One network, four accuracies, and the difference has nothing to do with the
# network. The stricter the rule, the more doubtful faces leave the test set, and the easier it
# gets. So an accuracy belongs to a *pair*: the network and the exact list of faces and labels.
#
# This happens in print. Deep-Emotion's 70.02 % on "FER2013" (`minaee2019`) stands beside a
# confusion matrix of 3,573 faces, whose row sums are those of FERPlus labels; FER2013's own test
# split has 3,589 faces and other labels. The number cannot be compared with FER2013 results,
# though it often is.
#
# ## Nobody on both sides
#
# A network is tested on faces it was not trained on. But is it enough that the *pictures* are new?
#
# **Predict.** Shuffle all faces and put a fifth aside for testing. How many of the people in the
# test part will also be in the training part? (A fifth? None?)
#
# **Run.** FER2013 does not say who is shown; there the first line takes facs3d.

# %%
people = faces if faces.subjects is not None else data.load("facs3d")
shuffled = np.random.default_rng(0).permutation(people.subjects)
cut = len(shuffled) // 5
tested, trained = set(shuffled[:cut]), set(shuffled[cut:])
print(f"random split: {len(tested & trained)} of {len(tested)} test people were in training")
present = {split: set(people.subjects[people.split == split]) for split in data.SPLITS}
for other in ("valid", "test"):
    print(f"published split: {len(present[other] & present['train'])} people in train and {other}")

# %% [markdown]
# **Interpret.** Every person has several pictures, so a random split puts nearly everybody on both
# sides. A network may then recognise the person, the haircut or the light instead of the
# expression, and the test rewards it. `pandey2019`'s Table I tests on 980 pictures of KDEF, a data
# set of 70 people; that none of them was trained on is not stated, and the reader has to assume
# that most were.
#
# The kit's `data.split` divides a data set anew, by subject, at random, or as a paper did where its
# split is known. It tells you when people end up on both sides:

# %%
import warnings

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    data.split(people, by="random")
print(said[0].message)
print(data.split(people, by="subject"))

# %% [markdown]
# ## How many points are memory of a person?
#
# That it *may* happen is easily said. How much is it? The same network was trained on the same
# faces, divided in several ways: every time on equally many faces of every class, so that only who
# is on both sides differs. There are two sets of faces. One is facs3d as it comes, with many people
# and another light, pose and wall in every picture. The other was drawn as studios film: few
# people, each before one wall and in one light, and of every showing of an expression (a *clip*)
# three neighbouring frames. CK+, as it is usually passed on, is made like that: 327 clips of 118
# people, three frames of each.

# %%
import faces3d
from fer_utils import FerError

frames = [
    faces3d.draw(word, person, strength=0.5 + 0.02 * frame, yaw=8 * turn + 0.5 * frame, size=96)
    for person, word, turn in ((1000, "sad", 1), (1001, "angry", -1))
    for frame in range(3)
]
titles = ["clip 1, sad"] * 3 + ["clip 2, angry"] * 3
plots.show(plots.faces(frames, titles=titles, columns=6))

# %% [markdown]
# **Predict.** Write down three numbers. How many points does a random split of facs3d add to the
# accuracy on strangers? How many in the studio set, if whole clips stay on one side but people do
# not? How many if single frames are dealt out?
#
# **Run.** The trainings take too long for a notebook, so `fer_lab/experiments/leakage.py` made them once. Its
# table comes with the kit, and its first lines say what was done. (It is about these two sets,
# whatever data set you have chosen above.)

# %%
from pathlib import Path

table = Path("../figures/leakage.csv")
runs = plots.read_table(table)
print(*(line for line in table.read_text().splitlines() if line.startswith("#")), sep="\n")
for run in runs:
    if run["seed"] == "0":
        same, clip = run["person_known"], run["clip_known"] or "-"
        print(f"{run['faces']:7}by {run['split']:8} trained on {run['train']}, tested {run['n']};",
              f"person known {same}, clip known {clip}")  # fmt: skip

# %% [markdown]
# The last lines are those of seed 0. Known are the shares of the test faces whose person, and whose
# clip, has pictures in the training part. Every seed tests another fifth of the people. Now the test
# accuracies, one dot per run (seed 0 on top).

# %%
scores = {}
for run in runs:
    way = "at random" if run["split"] == "picture" else f"by {run['split']}"
    accuracy = 100 * int(run["correct"]) / int(run["n"])
    scores.setdefault(f"{run['faces']}, {way}", []).append(accuracy)
plots.show(plots.dots(scores, xlabel="test accuracy, %"))

# %% [markdown]
# And what memory is worth: the mean over the seeds, less that of the split by person.

# %%
for name, each in scores.items():
    strangers = scores[f"{name.split(',')[0]}, by person"]
    seeds = " ".join(f"{score:5.1f}" for score in each)
    print(f"{name:17} {seeds}   memory {np.mean(each) - np.mean(strangers):+5.1f} points")

# %% [markdown]
# **Interpret.** On facs3d the random split adds nothing that stands out from the seeds. There are
# hundreds of people, and what the network could remember of one of them (a dozen pictures, each in
# another light, from another side) is no help with the thirteenth.
#
# In the studio set it is another matter. To have seen a person's *other* clips is worth many
# points: the network can learn how these brows lie at rest, and what this light does to this nose.
# That is memory of a person. To have seen the neighbouring frame as well is worth some points more:
# the answer need only be remembered. Nothing about the network or the numbers of faces differs
# between these rows. The user of such a network is a stranger and not in the film: the lowest row.
#
# So how much a random split flatters depends on the data set. Few people, steady light and frames
# of films are the bad case, and CK+, JAFFE and KDEF are of that kind. `minaee2019` reports 98.0 %
# on CK+: a share that a fifth of all pictures can give if three frames of each clip were taken (192
# of 196), and cannot if it was one (64 of 65 would be 98.5). That people, or clips, were kept apart
# is not stated.
#
# Mind also how far apart the dots of "clips, by person" lie. Every seed tests eight other people,
# and some people are easier to read than others. A single run, with a few people for testing, could
# have told almost any story about memory.
#
# ## What no photograph has
#
# Nobody knows where in a photograph the expression is. In facs3d it is known, because every test
# face was drawn twice: once as it is, once with all muscles at rest. The second one is its
# *neutral twin*: same person, same pose, same light, same blur. Each test face also has a label
# for every pixel: brows, eyes, mouth, and so on. (This section uses facs3d whatever `DATASET` is.)
#
# **Predict.** Subtract the twin from the face. Which part of the face changes most for surprise?
# The brows, the eyes, or the mouth?
#
# **Run** both cells: first one face of each class with its twin and the size of the difference.

# %%
drawn = data.load("facs3d", split="test")
one = drawn.take([int(np.flatnonzero(drawn.labels == k)[2]) for k in range(6)])
change = np.abs(one.images.astype(int) - one.twins.astype(int))
panels = [*one.images, *one.twins, *(change / change.max())]
names = [one.classes[label] for label in one.labels]
titles = names + ["neutral twin"] * 6 + ["difference"] * 6
plots.show(plots.faces(panels, titles=titles, columns=6, scale=1.2))

# %% [markdown]
# Now all test faces: the share of the whole difference that lies in each part of the face. (Parts
# that no muscle moves, such as hair and ears, are left out of the table.)

# %%
change = np.abs(drawn.images.astype(int) - drawn.twins.astype(int))[:, 0]
left_out = ("background", "hair", "ears", "neck", "occluder")
parts = [k for k, part in enumerate(drawn.region_names) if part not in left_out]
print(" " * 9 + "".join(f"{drawn.region_names[k]:>10}" for k in parts))
for index, name in enumerate(drawn.classes[:6]):
    mine = drawn.labels == index
    per_part = [change[mine][drawn.regions[mine] == k].sum() for k in parts]
    share = np.array(per_part) / change[mine].sum()
    print(f"{name:9}" + "".join(f"{100 * value:8.0f} %" for value in share))

# %% [markdown]
# **Interpret.** The mouth takes a large share almost everywhere, partly because it is large and
# because teeth and a dark open mouth change many grey levels. Small movements, such as a lid that
# rises, matter to people far more than their few pixels suggest. So this is the truth about where
# the *picture* changes, which is not the same as where a person would look.
#
# It is still more than any photograph offers, and
# [notebook 07](07_occlusion_saliency.ipynb) uses it: a saliency map can be compared with it. But mind what
# facs3d is. It is one head, bent into many shapes by a program; its "fear" is what a handbook says
# about fear. **Scores on facs3d are no claims about people.**
#
# ## Check before you trust
#
# Large data sets are collected by programs, and nobody has looked at every picture. Of FER2013 the
# following is known: 12 pictures are completely black; of 35,887 rows only 34,034 are different
# pictures; 280 validation and 288 test faces are copies of training faces; 57 groups of copies
# carry labels that contradict each other.
#
# **Predict.** How would you find equal pictures among 30,000? Comparing every pair takes some 450
# million comparisons. Is there a way that looks at each picture once?
#
# **Run.** A picture's bytes can be a key of a dictionary. Equal pictures have equal bytes.


# %%
def find_faults(images, split):
    """Return positions of black pictures, groups of equal ones, and copies across splits."""
    groups = {}
    for position, image in enumerate(images):
        groups.setdefault(image.tobytes(), []).append(position)
    black = [position for position, image in enumerate(images) if image.max() == 0]
    copies = [group for group in groups.values() if len(group) > 1]
    across = [i for g in copies if "train" in split[g] for i in g if split[i] != "train"]
    return black, copies, across


# %% [markdown]
# The function looks up each picture once. Python's dictionary turns the bytes into a short number,
# a hash, and compares whole pictures only where hashes collide. Here is the answer for the data
# set at hand:

# %%
black, copies, across = find_faults(faces.images, faces.split)
disputed = [group for group in copies if len(set(faces.labels[group])) > 1]
print("black pictures:", len(black))
print("groups of equal pictures:", len(copies), "- of these with different labels:", len(disputed))
print("validation and test faces that copy a training face:", len(across))

# %% [markdown]
# If a check finds nothing, either there is nothing, or the check is broken. Plant a fault
# and see: here one validation face is painted black and another becomes a copy of the first
# training face.

# %%
spoilt = faces.images.copy()
here = np.flatnonzero(faces.split == "valid")[:2]
spoilt[here[0]] = 0
spoilt[here[1]] = spoilt[np.flatnonzero(faces.split == "train")[0]]
found = find_faults(spoilt, faces.split)
print("black pictures more than before:", len(found[0]) - len(black))
print("copies of a training face more than before:", len(found[2]) - len(across))

# %% [markdown]
# **Interpret.** Both planted faults are found, so a zero above means that there was nothing to
# find. (On FER2013 the numbers are not zero, and they agree with the list above as far as its splits
# are on your disk. There a planted black picture counts twice, as it also copies the black ones in
# training.) It cannot find wrong labels, except where two copies contradict each other. Nor can it
# find a copy that was mirrored (exercise 2), brightened, or cut out a little differently.
#
# ## The doctor
#
# `data.doctor` makes this check, and more: counts against the card, files that cannot be read,
# wrong sizes, and *near* copies. For those it shrinks every picture to 16 x 16 pixels and correlates
# all pairs. It reads, reports, and changes nothing.
#
# **Predict.** Nobody copied a picture of facs3d. Will the doctor find near copies all the same?
#
# **Run** it on the data set at hand. `print(report)` would show all counts and examples too.

# %%
report = data.doctor(faces, progress=False)
for finding in report.findings:
    print(f"{finding.count:6,}  {finding.title}")

# %% [markdown]
# It should agree with what was counted by hand, and find the planted faults as well.

# %%
from dataclasses import replace

found = {finding.kind: finding.count for finding in report.findings}
print("same groups of different labels:", found["disagree"] == len(disputed))
print("same copies:", found["exact"] == sum(len(group) - 1 for group in copies))
again = data.doctor(replace(faces, images=spoilt), progress=False)
worse = {finding.kind: finding.count - found[finding.kind] for finding in again.findings}
print("more than before:", {kind: count for kind, count in worse.items() if count})

# %% [markdown]
# And this is what it calls near copies: each picture with its neighbour, most alike of all.

# %%
near = next(finding for finding in report.findings if finding.kind == "near")
pairs = list({frozenset(pair): pair for pair in near.groups}.values())[:4]
if pairs:
    plots.show(plots.faces(faces.take(np.concatenate(pairs)), columns=8))

# %% [markdown]
# **Interpret.** Near copies on facs3d are different drawings that happen to look alike at 16 x 16:
# same pose, same light, often another word. So "near copy" is a hint, to be looked at by a person.
# On FER2013 the same threshold finds the same photograph, cut out a second time, in hundreds of
# cases. The doctor's report on its training and validation splits: 12 black pictures, 11 of
# them for training; 280 of the 3,589 validation faces are exact copies of a training face; 215 more
# are near copies; 47 groups of equal pictures have labels that contradict each other (57 with the
# test split). So for 8 of 100 validation faces the network need not look: it may have the answer by
# heart, and with some of them the wrong one.
#
# ## The data sets of the five papers
#
# The papers of this course use ten data sets. You cannot get them from here: all show people, and
# most want a signature. But the kit knows how each is distributed and opens it with one call. The
# cards show it: the tree of the files, and to the right a frame as large as the pictures, on one
# scale. First those collected from the web and from films (and facs3d).

# %%
CARDS = data.catalog.CARDS
web = [CARDS[name] for name in ("facs3d", "fer2013", "ferplus", "rafdb", "sfew")]
plots.show(plots.cards(web))

# %% [markdown]
# Those taken in a studio, of people who were told what to show:

# %%
studio = [CARDS[name] for name in ("ckplus", "jaffe", "kdef", "rafd")]
plots.show(plots.cards(studio))

# %% [markdown]
# Cartoons, videos, and your own photos:

# %%
others = [CARDS[name] for name in ("ferg", "amfed", "folder")]
plots.show(plots.cards(others))

# %% [markdown]
# How differently the same seven words look in them, Fig. 2 of `minaee2019` shows with FER2013, JAFFE and FERG. Here is a row of the
# data set at hand, and one of facs3d. Set `EVERY = True` for the paper's three, as far as they lie on your computer; a line says
# how to get the others. (Then do not pass the saved notebook on: it holds their pictures.)

# %%
from fer_utils.emotions import FER7


def seven(name):
    """Return a face of each of seven expressions (7, 1, 48, 48), by most votes if there are any."""
    faces, row = data.load(name, size=48, progress=False), []
    for word in FER7:
        part = faces.where(label=word)
        row.append(part.images[0 if part.votes is None else part.votes.max(axis=1).argmax()])
    return row


# %% [markdown]
# The rows, from top to bottom:

# %%
EVERY = False
pictures, titles = [], []
for name in dict.fromkeys([DATASET, "facs3d", *(("fer2013", "jaffe", "ferg") if EVERY else ())]):
    try:
        pictures += seven(name)
        titles += [f"{name}: {FER7[0]}", *FER7[1:]]
    except FerError as missing:
        print(missing)
plots.show(plots.faces(pictures, titles, columns=7))

# %% [markdown]
# Of FER2013's row the paper says that faces may be partial, or covered by a hand or glasses. For JAFFE ten women posed, and FERG's
# cartoons show what the word means rather than what a face does. In drawn faces pose and light vary, and weak expressions are among
# them; those above are the ones on which most taggers agree.
#
# There are many more. `alessi2019` (Fig. 4, from a survey of others) compares sixteen by the number
# of samples and of people, by where they were taken, and by how the expressions came about: **P**osed
# for the camera or **S**pontaneous. The last column is what the kit opens it as, if it does.

# %%
from fer_utils.papers.alessi2019 import SURVEY

print(f"{'data set':14}{'samples':33}{'people':>6}  {'taken':7}{'P / S':7}here")
for row in SURVEY:
    people = row.subjects or "?"
    how = f"{row.taken:7}{row.elicited:7}{row.opens or '-'}"
    print(f"{row.name:14}{row.samples:33}{people:>6}  {how}")

# %% [markdown]
# The paper chose FER2013 as "the best compromise" of size, variety and labels. Read its row again: as
# of all sets from the web, nobody knows how many people it shows, so no split can keep them apart.
#
# The licence is part of a data set. In short, where the pictures show people: research only, do
# not pass them on, and sometimes only certain people may be printed. The last line shows a whole card,
# with the citation and whom to ask (`python -m fer_utils data kdef` prints it).

# %%
for card in CARDS.values():
    print(f"{card.name:9}{card.licence}")
CARDS["kdef"]

# %% [markdown]
# **Predict.** Studios can film as many angry faces as happy ones. Which of the data sets will have
# equally many of every expression, and which expression will be rare in the others?
#
# **Run.** What the cards state of the classes, and what was counted in the data set at hand.

# %%
known = [card for card in CARDS.values() if "classes" in card.expected]
classes = {card.name: card.expected["classes"] for card in known}
whole = len(faces) == CARDS[faces.name].expected.get("faces")
if whole:
    classes[faces.name] = faces.counts()
plots.show(plots.balance(classes, counted=[faces.name] if whole else []))

# %% [markdown]
# **Interpret.** JAFFE, KDEF and RaFD are balanced by design. What is found on the web is not: people
# put smiles there, and hardly ever disgust or fear. RAF-DB's majority baseline is 39 %, KDEF's 14 %;
# the same accuracy means different things on the two. CK+, as it is passed on, has no neutral faces,
# so no network trained on it alone can ever say "neutral". Of the sets that are missing here SFEW
# states no counts per expression, FERPlus has votes and AM-FED+ has muscle movements instead.
#
# ## Open your own
#
# A folder of your own photos is a data set too: one folder for each expression, named as you like.
# Here one is made of faces that the kit drew, in a temporary place, with careless spelling.

# %%
import tempfile

from PIL import Image

room = tempfile.TemporaryDirectory()
photos = Path(room.name) / "photos"
spelling = ("Anger", "disgusted", "AFRAID", "Joy", "03-sad", "surprised", "Neutral")
few = data.load("facs3d").take(slice(0, 40))
for number, (image, label) in enumerate(zip(few.images, few.labels, strict=True)):
    folder = photos / spelling[label]
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[0]).save(folder / f"photo{number}.png")

# %% [markdown]
# **Predict.** Will the seven words be understood? What happens to a folder called "grumpy"?
#
# **Run** the next cell; the last line of it is an error's message.

# %%
mine = data.load("folder", photos, cache=False, progress=False)
print(mine)
print("the counts are those of the originals:", mine.counts() == few.counts())
(photos / "grumpy").mkdir()
try:
    data.load("folder", photos, cache=False, progress=False)
except FerError as error:
    print(str(error).replace(room.name, "..."))

# %% [markdown]
# **Interpret.** Every spelling that is in use for the eight words is known. What is not known is
# refused by name and place, since a folder that is silently left out would be a data set nobody
# meant.
#
# A teacher who has KDEF writes `data.load("kdef", "where/it/lies")` and gets more, because KDEF's
# names tell more: AF01ANS.JPG is session A, a woman (F), number 01, angry (AN), straight. Here six
# drawn people are stored under such names.

# %%
codes = dict(zip(few.classes, ("AN", "DI", "AF", "HA", "SA", "SU", "NE"), strict=True))
for number in range(1, 7):
    folder = Path(room.name) / "KDEF" / f"AF{number:02}"
    folder.mkdir(parents=True)
    for word, code in codes.items():
        drawn_face = faces3d.draw(word, 1000 + number, size=96)
        Image.fromarray(drawn_face).save(folder / f"{folder.name}{code}S.JPG")
kdef = data.load("kdef", Path(room.name) / "KDEF", size=48, cache=False, progress=False)
print(kdef)
print("people:", *np.unique(kdef.subjects), "- angles:", *np.unique(kdef.columns["angle"]))

# %% [markdown]
# The reader noticed that the real KDEF is larger. Since the people are known, it can be divided so
# that nobody is on two sides. (And the temporary folder goes.)

# %%
divided = data.split(kdef, by="subject")
for part in data.SPLITS:
    print(part, *np.unique(divided.where(split=part).subjects))
room.cleanup()
divided.table()

# %% [markdown]
# ## What a label is not
#
# **An expression is not an emotion.** The label says what an actor was asked to show, or what a
# stranger believed to see. Neither is what the person felt. People smile out of politeness and cry
# with joy, and how a feeling shows on a face differs from person to person and from place to
# place. A network trained on such labels predicts *the word that taggers would choose for this
# picture*, nothing more. It should not decide anything about anybody.
#
# **A data set is a choice of people.** Ask of each: who is shown, who is missing, who chose the
# words? If nobody over sixty is in the training set, the test set will not complain, because
# nobody over sixty is in there either.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: how undecided? (medium)
#
# The share of the first word throws away most of the votes. The *entropy* uses them all: with
# shares p of the words, it is the sum of -p log2(p); 0 bits if all agree, more the more the votes
# are spread. Compute it for every face (`voted.vote_distribution()` has the shares). Then look at the
# mean per class: is the class with the lowest agreement the one with the highest entropy?
#
# <details><summary>Hint 1</summary>
#
# One row of `shares` is one face; the sum goes along axis 1. What does log2 make of a share of 0, and
# what should the product be?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.log2(shares, out=np.zeros_like(shares), where=shares > 0)` leaves out p = 0, whose logarithm does
# not exist and whose contribution is 0.
#
# </details>

# %% tags=["starter"]
shares = voted.vote_distribution()
entropy = None  # one number for each face
check.ex1_1(entropy, shares)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The two orders need not agree exactly: agreement only sees the largest share, entropy also sees
# whether the rest is one rival or five.
#
# </details>

# %% tags=["solution"]
logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
entropy = -(shares * logs).sum(1)
for index, name in enumerate(voted.classes):
    print(f"{name:9} {entropy[voted.labels == index].mean():.2f} bits")
check.ex1_1(entropy, shares)

# %% [markdown]
# ### Exercise 2: copies in the mirror (medium)
#
# A mirrored copy has other bytes. Write a key that a picture and its mirror image share, and that no
# other picture has. Then change `find_faults` to use it, and test it with a planted fault before you
# believe it.
#
# <details><summary>Hint 1</summary>
#
# `image[..., ::-1]` is the mirror image, and `.tobytes()` makes bytes of a picture.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Bytes can be compared: of two strings one is the smaller. Both pictures can agree on that one.
#
# </details>


# %% tags=["starter"]
def mirror_key(image):
    return None


check.ex1_2(mirror_key, faces.images[:50])

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Of the two byte strings take the smaller one: both pictures then agree on it. In `find_faults` use
# `groups.setdefault(mirror_key(image), [])`. To plant: `spoilt[here[1]] = spoilt[0][..., ::-1]`.
#
# </details>


# %% tags=["solution"]
def mirror_key(image):
    return min(image.tobytes(), image[..., ::-1].tobytes())


check.ex1_2(mirror_key, faces.images[:50])

# %% [markdown]
# ### Exercise 3: what does the simplest recogniser remember? (hard)
#
# The simplest recogniser of all stores the training pictures and answers with the label of the
# most similar one (*nearest neighbour*). Score it on facs3d twice: on the published split by
# people (train on `train`, test on `valid`), and on a random split of the same faces with the same
# sizes. Which score is higher, and which one do you believe?
#
# <details><summary>Hint 1</summary>
#
# Make each picture a row of 2,304 numbers and take its mean away, so that a brighter picture is no
# other face: `flat = both.images.reshape(len(both), -1).astype(np.float32)`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The nearest row has the smallest squared distance. Since |a - b|² = |a|² - 2ab + |b|² and |b|² is the
# same for all candidates, `(known**2).sum(1) - 2 * new @ known.T` is all you need. A random split of the
# same sizes: `np.random.default_rng(0).permutation(both.split == "valid")`.
#
# </details>

# %% tags=["starter"]
everyone = data.load("facs3d", progress=False)
both = everyone.take(np.flatnonzero(everyone.split != "test"))
by_people, at_random = None, None  # accuracies, 0 to 1
check.ex1_3(by_people, at_random, everyone)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Both splits have equally many faces on each side. Believe the one by people: it asks the question
# that matters, how the recogniser does on somebody it has never met. Run the random one with
# several seeds before you say how large the difference is: it is small.
#
# Then let the script draw its studio set, and try the same on that:
#
# ```python
# import sys
#
# sys.path.append("..")
# from fer_lab.experiments.leakage import divided, draw_clips
#
# clips = draw_clips()
# both, flat = clips, clips.images.reshape(len(clips), -1).astype(np.float32)
# flat -= flat.mean(1, keepdims=True)
# for by in ("person", "clip", "picture"):
#     is_test = divided(clips, by, seed=0).split == "test"
#     print(by, nearest_neighbour(np.flatnonzero(~is_test), np.flatnonzero(is_test)))
# ```
#
# With single frames dealt out at random the recogniser scores more than 95 %, and knows nothing: on
# strangers it is hardly better than one in seven. With whole clips kept together it is *worse* than
# one in seven, because the most similar picture shows the same person with another expression.
#
# </details>

# %% tags=["solution"]
flat = both.images.reshape(len(both), -1).astype(np.float32)
flat -= flat.mean(1, keepdims=True)


def nearest_neighbour(known, new):
    squared = (flat[known] ** 2).sum(1) - 2 * flat[new] @ flat[known].T
    return (both.labels[known][squared.argmin(1)] == both.labels[new]).mean()


splits = both.split == "valid", np.random.default_rng(0).permutation(both.split == "valid")
halves = [(np.flatnonzero(~tested), np.flatnonzero(tested)) for tested in splits]
by_people, at_random = (nearest_neighbour(*half) for half in halves)
check.ex1_3(by_people, at_random, everyone)

# %% [markdown]
# ## Recap
#
# - A data set holds pictures (N, C, H, W), a label for each, a split, and sometimes votes and
#   people. `data.load` opens each from the layout in which it is passed on, your own folder too.
# - A blind model scores the share of the largest class. Accuracy hides rare classes, and how many
#   faces it was measured on.
# - Votes become labels by a rule, and the rule decides which doubtful faces stay in the test set:
#   the same network scores differently. Quote the rule and N.
# - Equal pictures have equal bytes, and a check that finds nothing has to be tested with a planted
#   fault. People belong on one side of a split only: where few people are filmed in steady light,
#   memory of them is worth many points; in facs3d, with many people in changing light, none.

# %% [markdown]
# Previous: [00 Start here](00_start_here.ipynb) | Next: [02 Gradient and Laplacian](02_gradient_and_laplacian.ipynb)
