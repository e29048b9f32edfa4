#!/usr/bin/env bash
# torchmetrics 1.9.0: multilabel metrics that are told which label means "not coded", as 9 does among
# BP4D's action units and -1 among Aff-Wild2's, go wrong in silence in three of them. `ignore_index`
# "specifies a target value that is ignored and does not contribute to the metric calculation". But
#   - multilabel_coverage_error: one unit that is not coded makes a face count as if all 12 units had to
#     be gone through before the present ones are found;
#   - multilabel_ranking_loss: units not coded count as absent ones that were ranked rightly;
#   - multilabel_jaccard_index takes the *value* 9 for the unit *numbered* 9: macro leaves the tenth unit
#     out of the mean, micro leaves it out of the denominator alone, so that a detector without an
#     error scores above 1. With -1 it is right, and so is the class MultilabelJaccardIndex.
# F1, accuracy, AUROC, average precision, exact match and LRAP are right with both values.
#
# Guessed before: all of them leave the unknown units out, and equal scikit-learn on the rest.
# Seen: with a fifth of the units unknown, coverage error 11.7 of 12 for 5.0, ranking loss too low by a
# quarter, and 1.15 for the micro Jaccard index of answers that are all right.
# Whom it hurts: who trains action unit detectors on faces that are partly coded, as most are.
# Found in no issue of torchmetrics; 3083, mended, was about exact match.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 torchmetrics==1.9.0 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from sklearn import metrics
from torchmetrics.functional import classification

random = np.random.default_rng(0)
faces, units = 1000, 12
present = (random.random((faces, units)) < np.linspace(0.05, 0.6, units)).astype(int)
scores = (0.3 * present + 0.7 * random.random((faces, units))).astype(np.float32)
coded = random.random((faces, units)) > 0.2


def by_torchmetrics(name, code, given=scores, **options):
    """Return the metric where `code` stands for a unit that is not coded."""
    target = torch.from_numpy(np.where(coded, present, code))
    return getattr(classification, name)(
        torch.from_numpy(given), target, num_labels=units, ignore_index=code, **options
    ).item()


def per_face(function, given=scores):
    """Return scikit-learn's metric face by face, over the units that are coded, averaged."""
    return np.mean([function(p[k][None], s[k][None]) for p, s, k in zip(present, given, coded)])


def per_unit(function):
    return np.mean([function(present[k, u], scores[k, u] > 0.5) for u, k in enumerate(coded.T)])


rows = [
    ("multilabel_coverage_error", per_face(metrics.coverage_error), {}),
    ("multilabel_ranking_loss", per_face(metrics.label_ranking_loss), {}),
    ("multilabel_ranking_average_precision", per_face(metrics.label_ranking_average_precision_score), {}),
    ("multilabel_f1_score", per_unit(metrics.f1_score), {}),
    ("multilabel_jaccard_index", per_unit(metrics.jaccard_score), {"average": "macro"}),
    ("multilabel_jaccard_index", metrics.jaccard_score(present[coded], scores[coded] > 0.5), {"average": "micro"}),
]
found = {}
for name, right, options in rows:
    found[name, options.get("average")] = values = [by_torchmetrics(name, code, **options) for code in (-1, 9)]
    print(f"{name} {options.get('average', '')}: {right:.4f} by hand, torchmetrics {values[0]:.4f} with -1 for "
          f"not coded, {values[1]:.4f} with 9")
    if name in ("multilabel_coverage_error", "multilabel_ranking_loss"):
        assert min(abs(value / right - 1) for value in values) > 0.2
    else:
        assert abs(values[0] - right) < 1e-4
        assert (abs(values[1] - right) < 1e-4) == (name != "multilabel_jaccard_index")

# Where it comes from: macro is the mean without the tenth unit, and micro of perfect answers exceeds 1.
each = [metrics.jaccard_score(present[k, u], scores[k, u] > 0.5) for u, k in enumerate(coded.T)]
assert abs(found["multilabel_jaccard_index", "macro"][1] - np.mean(np.delete(each, 9))) < 1e-4
perfect = present.astype(np.float32)
best = [by_torchmetrics("multilabel_jaccard_index", code, perfect, average="micro") for code in (-1, 9)]
worst = by_torchmetrics("multilabel_coverage_error", 9, perfect), per_face(metrics.coverage_error, perfect)
print(f"every answer right: micro Jaccard index {best[0]:.3f} with -1, {best[1]:.3f} with 9; coverage error "
      f"{worst[0]:.2f}, by hand {worst[1]:.2f}")
assert best[0] == 1 and best[1] > 1.1 and worst[0] > 2 * worst[1]
PYTHON
