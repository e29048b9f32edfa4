"""From ten taggers' votes, or a network's probabilities, to one label per face.

The rules for votes are FERPlus's.

Source: Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression
recognition with crowd-sourced label distribution" (ICMI 2016), in the exact form of the data
reader in Microsoft's FERPlus repository. The rules disagree on which faces are usable, so each
gives another test set: always say which rule, and how many faces it kept. Say which votes, too:
papers quote 25,045 training and 3,191 validation faces for the majority rule, while the same rule
keeps 25,060 and 3,199 with fer2013new.csv. The label.csv files in FERPlus's repository hold other
votes for some faces.

The rules for probabilities are mazen2021's, as far as it says what it did, and confident learning:
Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels" (JAIR
2021). The probabilities have to come from a network that has not learned the labels in question
(`fer_utils.train.out_of_fold`): one that has learned them repeats them.
"""

from collections.abc import Callable, Sequence

import numpy as np

from fer_utils._arguments import check_array
from fer_utils.emotions import FER8, nearest
from fer_utils.errors import FerError


def without_single_votes(votes: np.ndarray) -> np.ndarray:
    """Return the votes of one face with every single vote, an outlier, set to zero."""
    return np.where(votes > 1, votes, 0)


def majority(votes: np.ndarray, emotions: int) -> np.ndarray:
    """Keep the first answer with the most votes if more than half of the votes chose it."""
    votes = without_single_votes(votes)
    kept = np.zeros_like(votes)
    best = votes.argmax()
    if votes[best] > 0.5 * votes.sum():
        kept[best] = votes[best]
    return kept


def probability(votes: np.ndarray, emotions: int) -> np.ndarray:
    """Keep the largest answers until they hold 75 % of the votes; three emotions at most.

    Answers with equally many votes come in together. "Unknown" or "not a face" ends the search:
    it stands alone, or it is dropped if emotions came before it.
    """
    votes = without_single_votes(votes)
    total, covered, count = votes.sum(), 0, 0
    kept = np.zeros_like(votes)
    searching = True
    while searching and covered < 0.75 * total and count < 3:
        most = votes.max()
        for answer in np.flatnonzero(votes == most):
            kept[answer], votes[answer] = most, 0
            covered += most
            count += 1
            if answer >= emotions:
                searching = False
                if kept.sum() > most:
                    kept[answer] = 0
                    count -= 1
                break
    usable = kept.sum() > 0.5 * total and count <= 3
    return kept if usable else np.zeros_like(votes)


def multi_target(votes: np.ndarray, emotions: int) -> np.ndarray:
    """Keep every answer with 30 % of the votes or more, if together they hold over half."""
    votes = without_single_votes(votes)
    kept = np.where(votes >= 0.3 * votes.sum(), votes, 0)
    return kept if kept.sum() > 0.5 * votes.sum() else np.zeros_like(votes)


def argmax(votes: np.ndarray, emotions: int) -> np.ndarray:
    """Keep all votes as they are: the label is simply the answer with the most votes."""
    return votes


#: Rule name -> function from the votes of one face (V,) to the votes the rule keeps (V,).
RULES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "majority": majority,
    "probability": probability,
    "cross_entropy": probability,
    "multi_target": multi_target,
    "argmax": argmax,
}


def vote_classes(vote_names: Sequence[str]) -> tuple[str, ...]:
    """Return the expressions among the vote columns, in the order of FER8."""
    return tuple(name for name in FER8 if name in vote_names)


def kept_votes(votes: np.ndarray, vote_names: Sequence[str], rule: str) -> np.ndarray:
    """Apply a rule to every face.

    Args:
        votes: (N, V), how many taggers gave each answer.
        vote_names: the V answers; the expressions first, then "unknown" and "NF" if there.
        rule: a name in `RULES`.

    Returns:
        int64 (N, V): the votes that the rule keeps; a row of zeros where it cannot decide.

    Raises:
        FerError: there is no such rule.
    """
    if rule not in RULES:
        raise FerError(f"There is no rule {rule!r} for votes.{nearest(rule, RULES)}")
    emotions = len(vote_classes(vote_names))
    # Many faces share a pattern of votes: deciding once per pattern is some ten times faster.
    patterns, where = np.unique(np.asarray(votes, np.int64), axis=0, return_inverse=True)
    kept = np.array([RULES[rule](pattern, emotions) for pattern in patterns], np.int64)
    return kept.reshape(patterns.shape)[where.ravel()]


def labels(votes: np.ndarray, vote_names: Sequence[str], rule: str) -> np.ndarray:
    """Return int64 (N,) indices into `vote_classes(vote_names)`; -1 where a face is not usable.

    A face is usable when the answer with the most kept votes is an expression (the first such
    column where several have equally many, as in FERPlus's reader).
    """
    kept = kept_votes(votes, vote_names, rule)
    classes = vote_classes(vote_names)
    index = np.array([classes.index(n) if n in classes else -1 for n in vote_names], np.int64)
    return np.where(kept.any(axis=1), index[kept.argmax(axis=1)], -1)


def distribution(votes: np.ndarray, vote_names: Sequence[str], rule: str) -> np.ndarray:
    """Return float64 (N, K): each face's kept votes as shares of the K expressions.

    The columns are those of `vote_classes(vote_names)`. Rows sum to 1, or are all zero where no
    vote for an expression is left.
    """
    kept = kept_votes(votes, vote_names, rule)
    columns = [list(vote_names).index(name) for name in vote_classes(vote_names)]
    shares = kept[:, columns].astype(np.float64)
    total = shares.sum(axis=1, keepdims=True)
    return np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)


def by_distribution(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Take the class to which the network gives more than half; else keep the label.

    mazen2021 says in one half-sentence that wrongly labelled pictures were relabelled "based on
    class distribution using convolutional neural networks (CNN)". It leaves open which network,
    whether it had learned the very labels that it judged, which pictures counted as wrongly
    labelled, how sure it had to be, how many labels were changed, and whether anybody looked. Here
    "class distribution" is read as what the network says of one picture: its probabilities over
    the classes. More than half of them decide, as the rule "majority" asks of people.
    """
    return np.where(probabilities.max(axis=1) > 0.5, probabilities.argmax(axis=1), labels)


def confident(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Take the most probable class among those that the network is confident of.

    It is confident of a class where it gives it at least as much as it does on average to the
    faces that carry its label (the paper's thresholds t_j); a face without such a class keeps its
    label. A network that is always unsure about fear thus needs less for "fear" than for "happy".
    The changed labels are those outside the diagonal of the paper's confident joint (its equation
    1); cleanlab's differ where a class below its threshold is the most probable of all and two
    others reach theirs.
    """
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, own, minlength=probabilities.shape[1])
    # nobody can be confident of a class that no face is labelled with
    least = np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0)
    # the mean is rounded: a face of its own has to reach it
    reached = np.where(probabilities >= least - 1e-6, probabilities, -1)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), labels)


#: Rule name -> function from probabilities (N, K) and labels (N,) to labels (N,).
ON_PROBABILITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "distribution": by_distribution,
    "confident": confident,
}


def from_probabilities(
    probabilities: np.ndarray | None, labels: np.ndarray, classes: Sequence[str], rule: str
) -> np.ndarray:
    """Return int64 (N,): the labels by a rule of `ON_PROBABILITIES`.

    Args:
        probabilities: float (N, K), rows sum to 1.
        labels: int64 (N,), as they are.
        classes: the K classes.
        rule: its name.

    Raises:
        FerError: no such rule, or probabilities that are none or do not fit.
    """
    if rule not in ON_PROBABILITIES:
        raise FerError(
            f"There is no rule {rule!r} for probabilities.{nearest(rule, ON_PROBABILITIES)}"
        )
    if probabilities is None:
        raise FerError(
            f"The rule {rule!r} needs a network's probabilities for every face: "
            "train.out_of_fold(...).probabilities."
        )
    check_array("probabilities", probabilities, 2, "f")
    if probabilities.shape != (len(labels), len(classes)):
        raise FerError(
            f"probabilities of shape {probabilities.shape} do not fit {len(labels)} faces of "
            f"{len(classes)} classes."
        )
    if not (np.abs(probabilities.sum(axis=1) - 1) < 1e-3).all() or (probabilities < 0).any():
        raise FerError("probabilities are shares of 1 for every face, and these are not.")
    return ON_PROBABILITIES[rule](probabilities.astype(np.float64), labels).astype(np.int64)
