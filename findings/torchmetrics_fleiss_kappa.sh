#!/usr/bin/env bash
# torchmetrics 1.9.0: FleissKappa(mode="counts") takes the largest number of votes for that of every
# face. FERPlus has ten votes a face, but its usual reading drops "unknown", "not a face" and single
# votes, so that 5 to 10 remain. Then kappa is too low, in silence: raters who agree on every single
# face get 0.5, not 1, and dropping the odd votes hardly raises the agreement at all. The docs say that
# complete agreement returns 1, and their own example, "10 raters", has rows of other sums.
#
# Guessed before: as by hand (the mean over faces of the share of pairs that agree), or an error as in
# statsmodels, which asserts equal numbers.
# Seen: 0.29 for 0.44 on votes as in FERPlus; 0.54 for 1.00 where all agree.
# Whom it hurts: who reports how far annotators (or an ensemble with abstentions) agree.
# Known? For statsmodels that the formula does not need equal numbers (statsmodels#7781, open; it
# raises there). Nothing found for torchmetrics.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 torchmetrics==1.9.0 statsmodels==0.15.0 krippendorff==0.9.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import krippendorff
import numpy as np
import torch
from statsmodels.stats.inter_rater import fleiss_kappa
from torchmetrics.functional.nominal import fleiss_kappa as by_torchmetrics


def by_hand(votes):
    """Fleiss 1971, each face with its own number of votes."""
    n = votes.sum(1)
    agree = ((votes * (votes - 1)).sum(1) / (n * (n - 1))).mean()
    chance = ((votes.sum(0) / votes.sum()) ** 2).sum()
    return (agree - chance) / (1 - chance)


random = np.random.default_rng(0)
beliefs = random.dirichlet(np.full(8, 0.3), 500)
ten = np.array([random.multinomial(10, belief) for belief in beliefs])
cut = np.where(ten == 1, 0, ten)
cut = cut[cut.sum(1) > 0]
agreed = np.zeros((500, 8), int)
agreed[np.arange(500), random.integers(0, 8, 500)] = random.integers(5, 11, 500)

seen = {}
for name, votes in {"ten votes each": ten, "single votes dropped": cut, "all agree, 5 to 10 votes": agreed}.items():
    try:
        other = f"{fleiss_kappa(votes):.3f}"
    except AssertionError:
        other = "AssertionError"
    alpha = krippendorff.alpha(value_counts=votes, level_of_measurement="nominal")
    seen[name] = float(by_torchmetrics(torch.tensor(votes))), by_hand(votes)
    print(f"{name}: torchmetrics {seen[name][0]:.3f}, by hand {seen[name][1]:.3f}, statsmodels {other}, "
          f"Krippendorff's alpha {alpha:.3f}")
assert abs(np.subtract(*seen["ten votes each"])) < 1e-3
assert seen["single votes dropped"][1] - seen["single votes dropped"][0] > 0.1
assert seen["all agree, 5 to 10 votes"][0] < 0.7 and seen["all agree, 5 to 10 votes"][1] == 1
PYTHON
