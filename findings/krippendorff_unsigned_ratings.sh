#!/usr/bin/env bash
# krippendorff 0.9.0: alpha of ratings kept as uint8, as intensities of action units (0 to 5) are read from
# files and pictures, is another number. The interval distance, the default, and the ratio distance are v1 - v2
# in the dtype of the ratings: 0 - 1 is 255, and its square 65,025, while 1 - 0 is 1. So how far two values
# are apart hardly matters any more, only whether they differ. value_counts as uint8 are multiplied with each
# other before anything else: with 16 votes a face 16 x 16 is 0. The argument dtype, documented as "result and
# computation data-type" and float64 by default, does not help. Nominal and ordinal alpha of ratings are right,
# int8 ratings are right, all in silence.
#
# Guessed before: the dtype does not matter; then, having read the source: .7 for .9.
# Seen: .50 for .83 with three coders of intensities, .29 for .81 with two, and .07 for .31 on uint8 counts of 40
# votes a face, as RAF-DB has; int8 counts are hit sooner (15 votes: .15 for .31).
# Whom it hurts: who reports how far coders of action units agree, or drops coders because they do not.
# Found in no issue of fast-krippendorff that we could search; its documentation names no dtype for ratings.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check krippendorff==0.9.0 numpy==2.4.6
"$folder/venv/bin/python" -W error - <<'PYTHON'
import krippendorff
import numpy as np

random = np.random.default_rng(0)
true = np.clip(random.poisson(1.2, 500), 0, 5)  # intensities of one action unit in 500 frames
coders = np.array([np.clip(true + random.integers(-1, 2, 500) * (random.random(500) < 0.4), 0, 5) for _ in range(3)])
two = np.array([true, np.clip(true + random.choice([-1, 0, 1], 500, p=[0.3, 0.4, 0.3]), 0, 5)])


def by_hand(ratings):
    """Krippendorff's alpha for intervals, no rating missing: one minus observed by expected distance."""
    values = ratings.astype(float)
    observed = ((values[:, None] - values[None]) ** 2).sum() / (len(values) - 1)
    flat = values.ravel()
    return 1 - observed * (flat.size - 1) / ((flat[:, None] - flat[None]) ** 2).sum()


for name, ratings in (("three coders", coders), ("two coders", two)):
    alpha = {d: krippendorff.alpha(ratings.astype(d)) for d in ("int64", "int8", "float32", "uint8")}
    print(f"{name}: by hand {by_hand(ratings):.4f}, " + ", ".join(f"{d} {a:.4f}" for d, a in alpha.items()))
    assert all(abs(alpha[d] - by_hand(ratings)) < 1e-6 for d in ("int64", "int8", "float32"))
    assert alpha["uint8"] < by_hand(ratings) - 0.2
    for level in ("nominal", "ordinal", "ratio"):
        right, found = (krippendorff.alpha(ratings.astype(d), level_of_measurement=level) for d in ("int64", "uint8"))
        print(f"  {level}: int64 {right:.4f}, uint8 {found:.4f}")
        assert (abs(right - found) > 0.1) == (level == "ratio")

shares = random.dirichlet([0.3] * 7, 300)  # 300 faces, seven expressions
for votes in (10, 15, 16, 40):
    counts = np.array([random.multinomial(votes, s) for s in shares])
    alpha = {
        d: krippendorff.alpha(value_counts=counts.astype(d), level_of_measurement="nominal")
        for d in ("int64", "int8", "uint8")
    }
    print(f"counts of {votes} votes a face: " + ", ".join(f"{d} {a:.4f}" for d, a in alpha.items()))
    assert abs(alpha["int64"] - alpha["uint8"]) < 1e-9 if votes < 16 else alpha["uint8"] < alpha["int64"] - 0.005
assert alpha["uint8"] < alpha["int64"] - 0.2
PYTHON
