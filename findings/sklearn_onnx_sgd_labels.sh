#!/usr/bin/env bash
# skl2onnx 1.20.0 (sklearn-onnx): the ONNX file of a linear SGDClassifier with more than two classes names
# other expressions than scikit-learn does, in silence, if its loss gives probabilities. scikit-learn
# takes the largest score. The file takes the largest probability, and there scores tie that are not
# equal: "modified_huber" cuts them to -1..1, and the sigmoid of "log_loss" is 0 or 1 in float32 as soon as
# scores are large, as those of features that are not standardised are. In a tie the first name of the
# alphabet wins: "angry". loss="hinge", which has no probabilities, is right, and so are two classes.
#
# Guessed before: labels equal scikit-learn's for 99.5 % of the faces; then, having seen otherwise:
# modified_huber alone is hit, 10 to 30 % of the labels, towards the first name.
# Seen: log_loss is hit as well. 23 % of the labels change with modified_huber, 21 % with log_loss (128
# features; none with 17), 46 % with either where the features are as large as grey levels; "angry" is named
# two to three times as often, the accuracy falls by 8 to 22 points. Exporting in float64 helps only log_loss,
# and only somewhat; the option raw_scores names the right labels, and gives scores for probabilities.
# Whom it hurts: who trains a linear model by SGD, as one does for more faces than an SVM can take.
# Found in no issue of sklearn-onnx; hummingbird#702 (2023) shows modified_huber in another converter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  skl2onnx==1.20.0 scikit-learn==1.9.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import SGDClassifier

NAMES = np.array(["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"])


def faces(count, features, spread, random, typical):
    kind = random.integers(0, 7, count)
    return (typical[kind] + random.normal(0, spread, (count, features))).astype(np.float32), NAMES[kind]


def by_onnx(model, x, dtype=np.float32, raw=False):
    """Return labels and probabilities (`raw`: scores) of the exported model."""
    options = {id(model): {"zipmap": False, "raw_scores": raw}}
    file = to_onnx(model, x[:1].astype(dtype), options=options).SerializeToString()
    return onnxruntime.InferenceSession(file).run(None, {"X": x.astype(dtype)})


found = {}
for features, spread, scale in ((17, 1.5, 1), (128, 4.0, 1), (128, 4.0, 50)):
    random = np.random.default_rng(0)
    typical = random.normal(0, 1, (7, features))
    x, y = faces(2000, features, spread, random, typical)
    new, truth = faces(1000, features, spread, random, typical)
    x, new = x * scale, new * scale
    for loss in ("modified_huber", "log_loss", "hinge"):
        model = SGDClassifier(loss=loss, random_state=0).fit(x, y)
        right = model.predict(new)
        assert (by_onnx(model, new, raw=True)[0] == right).mean() > 0.99
        for dtype in (np.float32, np.float64):
            labels, scores = by_onnx(model, new, dtype)
            found[features, scale, loss, dtype] = same = (labels == right).mean()
            print(f"{features} features, standard deviation {new.std():.0f}, {loss}, {dtype.__name__}: {same:.1%} of "
                  f"the labels are scikit-learn's; right {(labels == truth).mean():.1%}, scikit-learn "
                  f"{(right == truth).mean():.1%}; 'angry' {(labels == 'angry').sum()} times, scikit-learn "
                  f"{(right == 'angry').sum()}")
            tie = (scores == scores.max(1, keepdims=True)).sum(1) != 1  # not numbers included
            assert same == 1 or tie[labels != right].mean() > 0.95, "where the labels differ, there is a tie"
            assert same > 0.9 or (labels == "angry").sum() > 1.5 * (right == "angry").sum()
    two = np.isin(y, ["happy", "sad"]), np.isin(truth, ["happy", "sad"])
    model = SGDClassifier(loss="modified_huber", random_state=0).fit(x[two[0]], y[two[0]])
    assert (by_onnx(model, new[two[1]])[0] == model.predict(new[two[1]])).mean() > 0.99
print("two expressions: the labels are scikit-learn's")
for (features, scale, loss, dtype), same in found.items():
    if loss == "modified_huber" or loss == "log_loss" and (scale > 1 or features > 100 and dtype is np.float32):
        assert same < 0.9, (features, scale, loss, dtype, same)
    elif loss == "hinge" or features < 100:
        assert same > 0.99, (features, scale, loss, dtype, same)
PYTHON
