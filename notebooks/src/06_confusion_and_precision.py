# %% [markdown]
# # Confusion and precision
#
# **You will be able to**
#
# - go from probabilities to a confusion matrix, recall, precision, F1, average precision by hand;
# - say why an accuracy needs an N, an interval and a majority baseline beside it;
# - open a cell of the matrix, look at its faces, and compare the net's doubts with the taggers';
# - check a published confusion matrix with nothing but a sum and a trace.
#
# **Read first:** [04 Training](04_training.ipynb). Sections 10 of `alessi2019` and IV of
# `minaee2019` are the papers behind this notebook.
#
# **Time:** about 40 minutes to read and run on a laptop CPU, 40 more for the exercises; the cells take half a minute.

# %% [markdown]
# ## Set-up
#
# The same cell opens every notebook. Change `dataset` to `"fer2013"` to run on real faces, or to
# `"ferplus"` for the same faces under ten people's votes: with contempt, so read eight for seven.

# %%
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)

# %% [markdown]
# We need faces that the net was not trained on: the test faces of facs3d. Of FER2013 and FERPlus we
# take the validation faces (PublicTest). They are a little too kind to the net, because they chose
# which epoch was kept; but the test faces (PrivateTest) are for one last look, when nothing is left
# to choose. `split = "test"` would take that look, and nothing else below would have to change.

# %%
import matplotlib.pyplot as plt
import numpy as np

faces = data.load(DATASET, progress=False)
majority_class = max(faces.where(split="train").counts().items(), key=lambda item: item[1])[0]
split = "test" if DATASET == "facs3d" else "valid"
faces = faces.where(split=split)
net = models.pretrained(f"mini_xception_{DATASET}")
print(faces)

# %% [markdown]
# ## From probabilities to predictions
#
# One pass over the faces leaves everything this notebook needs: a row of probabilities for
# every face. `evaluate.evaluate` keeps them together with the labels. Here are the three rows on
# which the net hesitates most.

# %%
result = evaluate.evaluate(net, faces)
probabilities, labels, classes = result.probabilities, result.labels, result.classes
print("".join(f"{name:>9}" for name in classes) + "   label")
for i in np.argsort(probabilities.max(axis=1))[:3]:
    print("".join(f"{p:9.2f}" for p in probabilities[i]) + f"   {classes[labels[i]]}")

# %% [markdown]
# A prediction is the column with the largest probability. That throws information away: a face
# with 0.99 and a face with 0.34 count the same from here on. We will want it back later.

# %%
predictions = probabilities.argmax(axis=1)
right = predictions == labels
print(f"{right.sum()} of {len(right)} predictions are the label")
print("as the module has them:", np.array_equal(predictions, result.predictions))

# %% [markdown]
# ## The confusion matrix by hand
#
# A confusion matrix counts pairs. Row = the label, column = what the net said.
#
# **Predict.** Which two expressions will be taken for each other most often? Happy and surprise
# (both open the mouth), or two of the negative ones? And will a pair be as frequent in both
# directions?
#
# **Run** the loop. There is no more to it than this:

# %%
matrix = np.zeros((len(classes), len(classes)), int)
for label, said in zip(labels, predictions, strict=True):
    matrix[label, said] += 1
print("label \\ said" + "".join(f"{name:>9}" for name in classes))
for name, row in zip(classes, matrix, strict=True):
    print(f"{name:12}" + "".join(f"{count:9d}" for count in row))

# %% [markdown]
# The same in one line of numpy, and by the module. `np.add.at` adds once for every pair, also
# where a pair comes up many times (`again[labels, predictions] += 1` would count it once).

# %%
again = np.zeros_like(matrix)
np.add.at(again, (labels, predictions), 1)
print("np.add.at agrees:", np.array_equal(matrix, again))
print("module agrees:   ", np.array_equal(matrix, result.confusion()))

# %% [markdown]
# Which mistakes are the most frequent? We sort the cells off the diagonal, and print each with
# the cell across the diagonal.

# %%
mistakes = matrix - np.diag(np.diag(matrix))
order = np.argsort(-mistakes, axis=None, kind="stable")[:5]
for label, said in zip(*np.unravel_index(order, mistakes.shape), strict=True):
    there, back = mistakes[label, said], mistakes[said, label]
    print(f"{classes[label]:9} taken for {classes[said]:9} {there:4d}   the other way {back:4d}")

# %% [markdown]
# **Interpret.** The diagonal holds what is right, every other cell is one kind of mistake. The
# list above is a list of *pairs with a direction*: where the two numbers of a line differ, the
# net leans to one of the two. Part of such a lean is plain arithmetic: a class with many faces
# has more faces that can go wrong, so raw counts favour the large classes. The next section
# takes that out.
#
# ## Rows and columns
#
# **Predict.** Divide every row by its sum. What does the diagonal say then? And if you divide
# every column by its sum instead?
#
# **Run.** By hand and by the module (`"true"` = by rows, `"pred"` = by columns):

# %%
by_row = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
by_column = matrix / np.maximum(matrix.sum(axis=0, keepdims=True), 1)
print("rows agree:   ", np.allclose(by_row, result.confusion("true")))
print("columns agree:", np.allclose(by_column, result.confusion("pred")))

# %% [markdown]
# By rows: *of the faces with this label, where did they go?*

# %%
plots.show(plots.confusion(result, normalize="true"))

# %% [markdown]
# By columns: *of the faces the net called so, what were they?*

# %%
plots.show(plots.confusion(result, normalize="pred"))

# %% [markdown]
# **Interpret.** The diagonal of the first figure is the **recall** of each class, the diagonal
# of the second its **precision**. They are answers to different questions. A student who sees a
# dark square asks "how good is the net at fear?" and needs the row. A user who gets the answer
# "fear" asks "should I believe it?" and needs the column. The two figures are made of the same
# counts; always check which one a paper prints.
#
# ## Precision, recall and F1 of one class
#
# **Predict.** For fear: will the net find a larger share of the fearful faces (recall), or be
# right in a larger share of its answers "fear" (precision)?
#
# **Run.** Three counts are enough: true positives, false positives, false negatives.

# %%
k = classes.index("fear")
true_positive = np.sum((predictions == k) & (labels == k))
false_positive = np.sum((predictions == k) & (labels != k))
false_negative = np.sum((predictions != k) & (labels == k))
precision = true_positive / (true_positive + false_positive)
recall = true_positive / (true_positive + false_negative)
f1 = 2 * precision * recall / (precision + recall)
print(f"TP {true_positive}, FP {false_positive}, FN {false_negative}")
print(f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}")

# %% [markdown]
# The module does this for every class. Look for the row of fear.

# %%
result.table()

# %% [markdown]
# **Interpret.** The row of fear is what you computed. F1 is the *harmonic* mean of precision and
# recall, so it stays near the smaller of the two: a class that is never predicted cannot get a
# good F1 from its recall of 0. Read the last column before you compare two classes: a recall
# from a handful of faces is a rough number.
#
# ## How sure is an accuracy?
#
# An accuracy is a share of N faces. With other faces from the same source it would have come out
# a little different. The Wilson interval says by how much. With p the share, n the number of
# faces and z = 1.96 for 95 %:
#
# $$\frac{p + \frac{z^2}{2n} \pm z\sqrt{\frac{p(1-p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}$$
#
# **Predict.** How wide is the interval here? One point, three points, six? How many faces would
# make it half as wide?
#
# **Run.**

# %%
def wilson(correct, n, z=1.959964):
    """Return the ends of the 95 % Wilson interval of correct / n."""
    p = correct / n
    middle = p + z**2 / (2 * n)
    reach = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)


low, high = wilson(right.sum(), len(right))
print("module: ", result.accuracy)
print(f"by hand: {right.mean():.3f} (95 % {low:.3f}-{high:.3f})")

# %% [markdown]
# The width for the same share and other numbers of faces. 70 is the test set of JAFFE in
# `minaee2019`, 3,589 the test set of FER2013.

# %%
for n in (70, 1000, 3589, 4 * 3589):
    low, high = wilson(right.mean() * n, n)
    print(f"{n:6d} faces: {100 * (high - low):4.1f} points wide")

# %% [markdown]
# **Interpret.** Half the width costs four times the faces, because n stands under a square root.
# Two nets whose accuracies differ by less than such a width may well be equally good; a third
# decimal is decoration. And the interval only covers the luck of *drawing faces*. It does not
# know that another random seed gives another net, nor that your users look different from the
# test set.
#
# ## Why accuracy alone misleads
#
# **Predict.** The rarest class of our faces is the one that a lazy net would give up first.
# We forbid our net to ever say it: its probability is set to 0 and the next best class is taken.
# How many points of accuracy will that cost? Beside it stands a net that says the most common
# class to everything.
#
# **Run.** We compare accuracy with macro-F1, the plain mean of the F1 of all classes.

# %%
def scores(said):
    """Return accuracy and macro-F1; an F1 without any answer or face counts as 0."""
    table = np.zeros_like(matrix)
    np.add.at(table, (labels, said), 1)
    answers_and_faces = table.sum(axis=0) + table.sum(axis=1)
    return np.trace(table) / table.sum(), np.mean(2 * np.diag(table) / answers_and_faces)


rare = int(matrix.sum(axis=1).argmin())
without = np.where(np.arange(len(classes)) == rare, 0, probabilities).argmax(axis=1)
always = np.full_like(labels, classes.index(majority_class))

# %% [markdown]
# F1 was written here as 2 TP / (answers + faces), which is the same fraction as before (exercise
# 1 asks you to show it) and has no 0/0 for a class that is never predicted.

# %%
print(f"rarest class: {classes[rare]}, {matrix[rare].sum()} of {matrix.sum()} faces")
rows = {"the net": predictions, f"never {classes[rare]}": without}
rows |= {f"always {majority_class}": always}
for name, said in rows.items():
    accuracy, macro = scores(said)
    print(f"{name:15} accuracy {100 * accuracy:5.1f} %   macro-F1 {100 * macro:5.1f} %")

# %% [markdown]
# **Interpret.** Giving up the rarest class can never cost more accuracy than its share of the
# faces, and costs less than that where some of these faces were lost anyway. Macro-F1 falls
# further, by up to a seventh of the whole scale, because there every class weighs the same. That
# is how `alessi2019` can be "satisfied with the results" of a net that does not find disgust at
# all: disgust is 547 of 35,887 faces of FER2013, 1.5 %. The last line is the baseline below which
# a net has learnt nothing; an accuracy without its baseline says little.
#
# ## Precision against recall: moving a threshold
#
# The largest probability wins, but that is only one way to decide. For one class we may say
# "fear whenever its probability exceeds t" and choose t.
#
# **Predict.** With t near 0 we say fear to everything. What are recall and precision then? When
# t rises, which of the two *must* fall, and which one only *tends* to rise?
#
# **Run.** We sort the faces by their probability of fear and walk down the list: after m faces,
# recall and precision are running counts.

# %%
score = probabilities[:, k]
order = np.argsort(-score, kind="stable")
hits = np.cumsum(labels[order] == k)
recalls, precisions = hits / hits[-1], hits / np.arange(1, len(hits) + 1)
for t in (0.05, 0.25, 0.5, 0.75, 0.95):
    m = np.sum(score > t)
    if m:
        r, p = recalls[m - 1], precisions[m - 1]
        print(f"t = {t:.2f}: {m:5d} answers, recall {r:.2f}, precision {p:.2f}")

# %% [markdown]
# The whole curve, with the point where "the largest probability wins" lies:

# %%
figure, axes = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
axes.plot(recalls, precisions, color="#20457c")
axes.plot(recall, precision, "o", color="#b2182b")
axes.annotate("largest wins", (recall, precision), xytext=(-78, -14), textcoords="offset points")
axes.axhline(np.mean(labels == k), color="grey", ls=":")
axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.05), title="fear")
plots.show(
    figure,
    alt="Precision against recall of fear, falling as recall rises; a dot marks where the "
    "largest probability wins, a dotted line the share of fearful faces.",
)

# %% [markdown]
# **Interpret.** Recall can only fall when t rises, since we only ever take answers back.
# Precision tends to rise, but the curve has teeth: each false alarm on the way pulls it down.
# The dotted line is the precision of saying fear to everybody. No point of the curve is "the"
# performance of the net. A tool that alarms a nurse wants the right end, a study that pays for
# every checked picture the left end. The dot need not lie exactly on the curve: it compares seven
# probabilities with each other, the curve compares one of them with t.
#
# One number for a whole curve is the area below it, the **average precision**: the mean of the
# precisions at those places of the list where a fearful face stands. Guessing would get the dotted
# line.

# %%
from sklearn.metrics import average_precision_score

by_hand = precisions[labels[order] == k].mean()
theirs = average_precision_score(labels == k, score)
print(f"average precision of fear {by_hand:.3f}, guessing {np.mean(labels == k):.3f}")
print("scikit-learn agrees:", abs(by_hand - theirs) < 1e-3)  # it takes equal scores together

# %% [markdown]
# It needs no threshold and no winner, only the order of the faces. That is why nets are compared by
# it when nobody has yet decided what a false alarm costs.
#
# ## Open a cell
#
# A matrix counts mistakes, but does not show whose they are. So we take the largest cell off the
# diagonal and look at the faces in it. Below each face stand the votes of its ten taggers: those
# for the label on the left, those for the net's answer on the right.
#
# **Predict.** Will the taggers agree with the label, with the net, or with neither?
#
# **Run.**

# %%
label, said = (classes[i] for i in np.unravel_index(mistakes.argmax(), mistakes.shape))
found = result.mistakes(label, said)
print(f"{len(found)} faces labelled {label} that the net calls {said}")
plots.show(plots.cell(result, faces, label, said))

# %% [markdown]
# For all faces of that cell, however many: which answer got the most votes?

# %%
if faces.votes is not None:
    favourite = [faces.vote_names[v] for v in faces.votes[found].argmax(axis=1)]
    for name in dict.fromkeys((label, said, *sorted(favourite))):
        print(f"{name:9} {favourite.count(name):4d} faces")

# %% [markdown]
# **Interpret.** The first line counts the faces where the taggers side with the label, the second
# where they side with the net. In the first case the net has missed something that can be seen.
# In the second the *label* is in doubt, and the net is marked wrong for an answer that most people
# would give; on FER2013 that happens a lot. Accuracy counts both kinds as the same mistake. And a
# face over which ten taggers split five to five is no blunder, whatever one answers.
#
# That was one cell of 49. The widget below opens them all. It starts on the diagonal, with the
# faces of the same label on which the net was right.
#
# **Predict.** Take a cell *on* the diagonal, where label and net agree. Do all ten taggers agree
# there as well? And in an empty-looking corner of the matrix, with one or two faces: blunders, or
# faces you would have got wrong too?
#
# **Run.** Click a cell. With the keyboard: Tab to the matrix, arrow keys from cell to cell; or
# choose *labelled* and *answered* in the two lists. The surest answers come first; `page` shows
# the others.

# %%
explorer = widgets.confusion_explorer(faces, result)
explorer.label.value = explorer.answer.value = label
explorer

# %% [markdown]
# **Interpret.** A cell of the diagonal is full of right answers, and still many of its faces have
# votes for something else: the matrix keeps the winner and drops the doubt, for people as for
# nets. Look for the faces where the row of votes is blue and the net is sure of something else.
# Those are its real blunders, and there are fewer of them than the matrix has mistakes. With
# *in the cells: % of each row* the diagonal is the recall again, with *% of each column* the
# precision.
#
# ## Do people and the net disagree on the same faces?
#
# On FER2013 the votes are those of ten people (FERPlus). On facs3d they are simulated: ten
# taggers see the *muscle movements* of the drawn face with some noise (never its pixels) and name
# the nearest expression. So here the comparison shows a method, not a finding about people.
#
# The trick of this section: the shares of the votes form rows that sum to one, just like a net's
# probabilities. So the taggers can be put into the very same `Evaluation`.
#
# **Predict.** Who will agree more with the labels, the majority of the taggers or the net?
#
# **Run.** Where the data set has no votes, facs3d steps in; where its labels were made of them
# (`ferplus`), FER2013's own labels, and the net that learned those.

# %%
voted, machine = faces, result
if DATASET == "ferplus" or voted.votes is None:
    name, part = ("fer2013", split) if DATASET == "ferplus" else ("facs3d", "test")
    voted = data.load(name, split=part, progress=False)
    machine = evaluate.evaluate(models.pretrained(f"mini_xception_{name}"), voted)
    classes = voted.classes
shares = voted.vote_distribution()[:, : len(classes)]  # FER8's order: contempt comes last
usable = np.flatnonzero(shares.sum(axis=1))
print(f"{len(usable)} of {len(voted)} faces have a vote for one of the {len(classes)} classes")
shares = shares[usable] / shares[usable].sum(axis=1, keepdims=True)
people = evaluate.Evaluation(shares, machine.labels[usable], classes)
machine = evaluate.Evaluation(machine.probabilities[usable], people.labels, classes)
print("majority of the taggers:", people.accuracy)
print("net, on the same faces: ", machine.accuracy)

# %% [markdown]
# Both matrices side by side, by rows, in per cent:

# %%
figure, both = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
for axes, (title, one) in zip(both, {"net": machine, "taggers": people}.items(), strict=True):
    share = one.confusion("true")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title=title, xlabel="said")
    axes.tick_params(length=0), axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color)
both[0].set_ylabel("labelled")
words = "Two confusion matrices in per cent of each row: the net's and the taggers' majority's."
plots.show(figure, alt=words)

# %% [markdown]
# Are the same *pairs* confused? We correlate the cells off the diagonal of the two matrices.

# %%
def off_diagonal(evaluation):
    """Return the cells off the diagonal of the matrix by rows, flat."""
    return evaluation.confusion("true")[~np.eye(len(classes), dtype=bool)]


pairs = [(a, b) for a in classes for b in classes if a != b]
for name, one in (("net", machine), ("taggers", people)):
    worst = np.argsort(-off_diagonal(one), kind="stable")[:4]
    print(f"{name:8}", "; ".join(f"{pairs[i][0]} as {pairs[i][1]}" for i in worst))
print(f"correlation {np.corrcoef(off_diagonal(machine), off_diagonal(people))[0, 1]:.2f}")

# %% [markdown]
# **Interpret.** Compare the two accuracies first. The label is what was *asked for* when the face
# was drawn (facs3d) or the word under which the picture was *found* on the web (FER2013), and the
# taggers did not see it. So even people cannot reach 100 % against it: that ceiling has nothing to
# do with the net. A net can come close to the taggers or even beat them, because it was trained on
# labels of this kind and they were not.
#
# The correlation asks whether net and taggers stumble over the same pairs of expressions; the
# nearer to 1, the more alike they are. It rests on few faces where mistakes are rare.
#
# ## Do they doubt the same faces?
#
# Pairs are one thing, single faces another. The entropy of a face's votes, in bits, says how much
# its taggers disagree: 0 when all ten say the same, 1 when they split into two halves, 2 when into
# four quarters.

# %%
def bits(rows):
    """Return the entropy of each row of shares, in bits."""
    logs = np.log2(rows, out=np.zeros_like(rows), where=rows > 0)
    return np.maximum(-(rows * logs).sum(axis=1), 0)


doubt, net_doubt = bits(shares), bits(machine.probabilities)
print(f"the taggers' doubt: {doubt.mean():.2f} bits on average, the net's: {net_doubt.mean():.2f}")

# %% [markdown]
# **Predict.** We sort the faces into groups by the taggers' doubt. How does the net's share of
# wrong answers go, from the group where all ten agree to the one with the most doubt: flat, or up?
#
# **Run.** First the numbers, then as a figure with Wilson intervals.

# %%
names = ("none", "up to 1 bit", "1 to 1.5", "1.5 to 2", "more")
group = np.digitize(doubt, [1e-9, 1 + 1e-9, 1.5, 2])
wrong = {}
for name, one in (("net", machine), ("taggers", people)):
    missed = one.predictions != one.labels
    members = [missed[group == g] for g in range(len(names))]
    wrong[name] = [evaluate.Accuracy(int(m.sum()), len(m)) for m in members if len(m)]
    print(f"{name:8}", "  ".join(f"{a.correct} of {a.n}" for a in wrong[name]))

# %% [markdown]
# The same as shares, with how sure they are. (`Accuracy` counts any kind of share; here it is that
# of the wrong answers.)

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
styles = {"net": ("o", "#20457c", -0.08), "taggers": ("s", "#d55e00", 0.08)}
for name, (marker, color, shift) in styles.items():
    y, low, high = np.array([(100 * a.value, 100 * a.low, 100 * a.high) for a in wrong[name]]).T
    x = np.unique(group) + shift
    axes.errorbar(x, y, (y - low, high - y), fmt=marker, color=color, capsize=3, label=name)
axes.set_xticks(range(len(names)), names)
axes.set(xlabel="doubt of the taggers, in bits", ylabel="wrong answers, %", ylim=(0, None))
axes.legend(frameon=False, loc="upper left")
words = "Dots with intervals: the share of wrong answers of net and taggers' majority in "
plots.show(figure, alt=words + "five groups of faces, from no doubt among the taggers to the most.")

# %% [markdown]
# Does the net *know* which faces are doubtful? Its own entropy against that of the votes, as a rank
# correlation (1: the same order of all faces, 0: no relation):

# %%
from scipy.stats import spearmanr

print(f"rank correlation of the two doubts: {spearmanr(doubt, net_doubt).statistic:.2f}")
both_wrong = (machine.predictions != machine.labels) & (people.predictions != people.labels)
same = machine.predictions[both_wrong] == people.predictions[both_wrong]
print(f"both wrong: {both_wrong.sum()} faces; on {same.sum()} of them with the same answer")

# %% [markdown]
# And the two matrices to open, on the same faces. *answers of* switches between net and taggers.

# %%
two = widgets.confusion_explorer(voted.take(usable), {"net": machine, "taggers": people})
two.who.value = "taggers"
two

# %% [markdown]
# **Interpret.** Where the wrong answers rise with the taggers' doubt, a good part of the
# mistakes are faces that are hard for everybody. The rank correlation says the same without any
# label: a net that is less sure where people split has learned more than to win. Neither shows that
# the net sees as people do, only that both have trouble with weak and mixed expressions.
#
# Look at the size of the two doubts as well. On facs3d the net is far surer than its taggers: it
# was trained to put everything on one label, and has seen many faces of this kind. On FER2013 it
# is the other way round: there it doubts where people do not. A recipe with `votes` (notebook 04)
# trains a net on the shares of its taggers instead: then it is asked to be as unsure as they are,
# and no surer.
#
# ## Checking a paper: whose labels were these?
#
# `minaee2019` reports 70.02 % on the test set of FER2013, "the 3,589 images", and prints its
# confusion matrix (Fig. 8). A matrix can be checked.
#
# **Predict.** What must the sum of all cells be? The sum of the diagonal? And each row sum?
#
# **Run.** The matrix, typed in:

# %%
names = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
fig8 = np.array([
    [175, 5, 11, 18, 90, 16, 12],
    [5, 9, 0, 2, 5, 2, 2],
    [10, 0, 46, 2, 18, 5, 18],
    [51, 8, 13, 642, 155, 40, 21],
    [53, 13, 23, 42, 1035, 84, 40],
    [33, 7, 15, 34, 70, 287, 6],
    [21, 0, 32, 14, 70, 5, 308],
])
print(f"sum {fig8.sum()}, diagonal {np.trace(fig8)}, {np.trace(fig8) / fig8.sum():.3%}")

# %% [markdown]
# So the matrix does belong to the 70.02 %. But it does not hold 3,589 faces. Beside each row sum
# we put the number of faces with that label in FER2013's test set (PrivateTest).

# %%
private_test = dict(angry=491, disgust=55, fear=528, happy=879, neutral=626, sad=594, surprise=416)
print(f"{'label':10}{'Fig. 8':>8}{'FER2013':>9}")
for name, count in zip(names, fig8.sum(axis=1), strict=True):
    print(f"{name:10}{count:8d}{private_test[name]:9d}")
print(f"{'all':10}{fig8.sum():8d}{sum(private_test.values()):9d}")

# %% [markdown]
# **Interpret.** 99 fearful faces where FER2013 has 528, twice as many neutral ones, and 16 faces
# fewer: these are not FER2013's labels. The row sums are what you get from **FERPlus**, where ten
# people looked at each face again, when you take the most frequent of the first seven answers.
# Those labels are cleaner, and easier in another mix. The other rows of the paper's Table I were
# scored on FER2013's own labels, so 70.02 % cannot be compared with them. Nothing dishonest need
# have happened; reading another label file is one line of code. It took one sum to find out.
# The rule for your own tables: print N, the label rule, and the matrix.
#
# One more reading exercise. `alessi2019` writes under its (normalised) confusion matrix that
# "happy has a precision of 81.3%", and so on, that surprise has "the least examples in the
# training set", and that the net cannot find disgust: "most of those samples are mistaken for
# angry". It prints six numbers, and none for disgust. We put them beside the size of each class, with
# the recall of 0 that "cannot find" would be.

# %%
claimed = dict(happy=81.3, surprise=68.6, neutral=49.7, angry=48.1, sad=45.7, fear=43.5)
claimed["disgust"] = 0  # the paper prints no number
size = dict(happy=8989, surprise=4002, neutral=6198, angry=4953, sad=6077, fear=5121, disgust=547)
for name, value in claimed.items():
    print(f"{name:9}{value:6.1f} {size[name]:6d} faces")
mean = sum(claimed[name] * size[name] for name in claimed) / sum(size.values())
print(f"if these are recalls, accuracy is their mean weighted by faces: {mean:.1f} %")

# %% [markdown]
# "Mistaken for angry" tells where the faces *labelled* disgust went: that is a row, so it speaks
# of recall. If disgust is never said, its precision is not 0 but 0/0: there is no answer that
# could be right or wrong. The rarest class is disgust, not surprise. And if the six numbers are on
# the diagonal of a matrix normalised by rows, they are recalls, and the accuracy is the weighted
# mean printed above. It would fit the paper's last page, which hopes for "60%-65% or more" in
# future work. From true precisions one could not compute an accuracy without knowing how often
# each answer was given. The paper does not say which way it normalised, so we cannot be sure. A
# word for the axis would have settled it.
#
# ## Exercises
#
# Work in the cell below each of them. Its last line says whether the answer is right, or what is off;
# the hints open one after the other. Easy ones take some minutes, medium ones a quarter of an hour,
# hard ones longer.

# %%
from fer_lab import check

# %% [markdown]
# ### Exercise 1: two formulas, one F1 (medium)
#
# Show that `2 * precision * recall / (precision + recall)` is `2 TP / (2 TP + FP + FN)`, and that
# the denominator is the number of answers plus the number of faces. Then compute F1 of all classes from
# `matrix`, without precision and recall.
#
# <details><summary>Hint 1</summary>
#
# With P = TP/(TP+FP) and R = TP/(TP+FN), what is 1/P + 1/R?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# TP + FP are the answers (a column of the matrix), TP + FN the faces (a row). `np.diag` has TP.
#
# </details>

# %% tags=["starter"]
f1 = None  # one number for each class
check.ex6_1(f1, result)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# 1/P + 1/R = (2 TP + FP + FN)/TP, and F1 = 2/(1/P + 1/R). TP + FP are the answers, TP + FN the faces.
#
# </details>

# %% tags=["solution"]
f1 = 2 * np.diag(matrix) / (matrix.sum(axis=0) + matrix.sum(axis=1))
check.ex6_1(f1, result)

# %% [markdown]
# ### Exercise 2: recall and accuracy (medium)
#
# Accuracy is a weighted mean of the recalls. Weighted by what? Check it with `by_row` and
# `matrix`. Is it also a weighted mean of the precisions, and with which weights?
#
# <details><summary>Hint 1</summary>
#
# Write the accuracy as the sum of TP over all classes, divided by the number of faces, and put recall
# times something in the place of TP.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `np.average(np.diag(by_row), weights=...)` tries your weights; the goal is `right.mean()`.
#
# </details>

# %% tags=["starter"]
of_recalls, of_precisions = None, None  # seven weights each
check.ex6_2(of_recalls, of_precisions, matrix)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# Recalls are weighted by the faces of each class, precisions by the answers. The same trace is divided
# by the same sum in both.
#
# </details>

# %% tags=["solution"]
of_recalls, of_precisions = matrix.sum(axis=1), matrix.sum(axis=0)
print(f"accuracy {right.mean():.4f}; weighted recalls", end=" ")
print(f"{np.average(np.diag(by_row), weights=of_recalls):.4f}, weighted precisions", end=" ")
print(f"{np.average(np.diag(by_column), weights=of_precisions):.4f}")
check.ex6_2(of_recalls, of_precisions, matrix)

# %% [markdown]
# ### Exercise 3: 92.8 % of 70 faces (easy)
#
# On JAFFE `minaee2019` tests 70 faces and gets 65 right (its Fig. 10: 9 + 9 + 10 + 9 + 10 + 8 +
# 10). Its Table III has 95.31 % for CNN+SVM and 91.8 % for salient facial patches. How many of these
# two lie inside the Wilson interval of 65 of 70? What does that say about the order of the three?
#
# <details><summary>Hint 1</summary>
#
# `evaluate.Accuracy(65, 70)` prints its interval, and has it as `.low` and `.high`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An interval of 70 faces is more than ten points wide.
#
# </details>

# %% tags=["starter"]
print(evaluate.Accuracy(65, 70))
inside = None  # 0, 1 or 2
check.ex6_3(inside)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# The interval reaches from below 85 % to almost 97 %. Both other numbers lie inside: with
# 70 faces the table cannot order them. That the other papers split JAFFE differently makes it
# worse, and that the same ten women are in training and test makes all of them too high.
#
# </details>

# %% tags=["solution"]
jaffe = evaluate.Accuracy(65, 70)
inside = sum(jaffe.low < other < jaffe.high for other in (0.9531, 0.918))
check.ex6_3(inside)

# %% [markdown]
# ### Exercise 4: five points (easy)
#
# `pandey2019` (Table I) improves from 83.16 % to 88.16 % on 980 test faces of KDEF: 815 and 864
# right. Do the two intervals overlap? What else would you want to know before you believe that
# the Laplacian and gradient streams did it?
#
# <details><summary>Hint 1</summary>
#
# Print `evaluate.Accuracy` of both.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The upper end of the lower one against the lower end of the upper one. Then ask what is *not* in these
# intervals: how often was each trained?
#
# </details>

# %% tags=["starter"]
overlap = None  # True or False
check.ex6_4(overlap)

# %% [markdown] tags=["solution"]
# <details><summary>Solution</summary>
#
# They do not overlap, though only just: drawing faces hardly explains the 49 images. But it was one
# training run of each, and another seed moves an accuracy too; and if faces of the same
# people are in training and test, 980 faces are fewer than 980 independent draws.
#
# </details>

# %% tags=["solution"]
before, after = evaluate.Accuracy(815, 980), evaluate.Accuracy(864, 980)
print(before, after)
overlap = before.high > after.low
check.ex6_4(overlap)

# %% [markdown]
# ## Recap
#
# - A confusion matrix counts (label, answer) pairs. Divided by row sums its diagonal is the
#   recall, divided by column sums the precision; F1 stays near the smaller one.
# - Accuracy without N has no error bar, without the majority baseline no zero, and it hardly
#   notices a rare class; macro-F1 does.
# - The faces in a cell, with their votes, show whether a mistake is a blunder or a doubtful face;
#   the taggers' votes, read as probabilities, give a matrix to compare with.
# - The sum of a published matrix is the N that was tested, its row sums are the labels that were
#   used: in `minaee2019` they are not those of FER2013.

# %% [markdown]
# Previous: [05 Every architecture](05_every_architecture.ipynb) | Next: [07 Occlusion saliency](07_occlusion_saliency.ipynb)
