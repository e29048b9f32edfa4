#!/usr/bin/env bash
# confidenceinterval 1.0.5: the 95 % interval that f1_score(..., average="macro") gives by default is
# not the one of the paper it names (Takahashi et al. 2022, section 3.2). A product of two brackets is
# written as their sum, a product of two sums as the sum of all four, and counts stand for shares. So
# the width hardly knows how good the classifier is, nor how rare a class: 700 faces without one error
# score 1.000, "0.972 to 1.028". Macro recall and precision multiply a vector by its own transpose,
# which is the vector, where the outer product was meant.
#
# Guessed before: macro F1, precision and recall cover the truth in 93 to 97 % of the cases; then, having
# read the source: F1 too wide by some ten per cent, recall and precision right within 5 %.
# Seen: at 98 % right (327 posed faces, the sizes of CK+'s classes) F1's interval is twice too wide and
# ends above 1. With FER2013's class sizes at 70 % it is too narrow, and where two expressions make up 94 %
# of the faces the interval of macro precision is less than half as wide as it should be: it holds the
# truth in 66 % of 199 draws, not in 95 %.
# Whom it hurts: who reports macro F1, the score of faces in the wild, with an interval, or calls two
# networks different because theirs do not overlap. Its bootstrap methods are not affected.
# Found in no issue of the package; issue 2 there answers that macro F1 is done as in the paper.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  confidenceinterval==1.0.5 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 statsmodels==0.15.0 pandas==2.3.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import confidenceinterval
import numpy as np

PACKAGE = {
    "F1": confidenceinterval.f1_score,
    "recall": confidenceinterval.recall_score,
    "precision": confidenceinterval.precision_score,
}


def macro(p, name):
    """Return the macro score of a matrix of shares or counts (rows: true)."""
    rows, columns, right = p.sum(1), p.sum(0), np.diag(p)
    return {"F1": 2 * right / (rows + columns), "recall": right / rows, "precision": right / columns}[name].mean()


def delta(p, name, faces):
    """Return the half width of the 95 % interval, by the delta method with numerical derivatives."""
    flat, step = p.ravel(), 1e-6
    moved = step * np.eye(p.size)
    slopes = np.array([
        (macro((flat + d).reshape(p.shape), name) - macro((flat - d).reshape(p.shape), name)) / (2 * step)
        for d in moved
    ])
    return 1.96 * np.sqrt(((slopes**2 * flat).sum() - (slopes * flat).sum() ** 2) / faces)


def takahashi(p, faces):
    """Return the half width for macro F1 as the paper's closed form has it."""
    rows, columns, right = p.sum(1), p.sum(0), np.diag(p)
    both, f1 = rows + columns, 2 * right / (rows + columns)
    own = (f1 * (both - 2 * right) / both**2 * ((both - 2 * right) / both + f1 / 2)).sum()
    pairs = p * np.outer(f1 / both, f1 / both)
    return 1.96 * np.sqrt(2 / len(p) ** 2 * (own + pairs.sum() - np.trace(pairs)) / faces)


def study(title, sizes, accuracy, faces, times=200):
    """Draw confusion matrices and count how often each interval holds the truth."""
    random = np.random.default_rng(0)
    count = len(sizes)
    answers = np.full((count, count), (1 - accuracy) / (count - 1))
    np.fill_diagonal(answers, accuracy)
    p = answers * (np.array(sizes) / sum(sizes))[:, None]
    matrices = [random.multinomial(faces, p.ravel()).reshape(p.shape) for _ in range(times)]
    matrices = [m for m in matrices if m.sum(0).all() and m.sum(1).all()]
    print(f"{title}: {faces} faces, {accuracy:.0%} right, {len(matrices)} draws")
    found = {}
    for name, by_package in PACKAGE.items():
        true, covered, widths = macro(p, name), [], []
        for matrix in matrices:
            cells = np.repeat(np.arange(p.size), matrix.ravel())
            score, (low, high) = by_package(cells // count, cells % count, average="macro")
            assert abs(score - macro(matrix, name)) < 1e-6
            covered.append(low <= true <= high)
            widths.append((high - low) / 2)
        spread = 1.96 * np.std([macro(matrix, name) for matrix in matrices])
        right = delta(p, name, faces)
        assert abs(right / spread - 1) < 0.25, "the delta method agrees with the draws"
        found[name] = np.mean(widths) / right, np.mean(covered)
        print(f"  macro {name}: {true:.3f} +- {right:.4f} (of the draws: {spread:.4f}); package: +- "
              f"{np.mean(widths):.4f}, {found[name][0]:.2f} times as wide, holds the truth in {found[name][1]:.0%}")
    assert abs(takahashi(p, faces) - delta(p, "F1", faces)) < 1e-6, "and the paper's form is the delta method"
    return found


truth = np.arange(700) % 7
score, (low, high) = confidenceinterval.f1_score(truth, truth, average="macro")
print(f"700 faces, all right: macro F1 {score:.3f}, 95 % interval {low:.3f} to {high:.3f}")
assert high > 1.02 and low < 0.98
posed = study("sizes of CK+", [45, 59, 25, 69, 83, 28, 18], 0.98, 327)
assert posed["F1"][0] > 1.8
fer2013 = study("sizes of FER2013's test set", [491, 55, 528, 879, 594, 416, 626], 0.7, 3589)
assert fer2013["F1"][0] < 0.9
wild = study("mostly happy and neutral", [10, 5, 10, 500, 440, 20, 15], 0.7, 1000)
assert wild["F1"][0] < 0.8 and wild["precision"][0] < 0.55 and wild["precision"][1] < 0.75
PYTHON
