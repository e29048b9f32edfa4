"""From ten taggers' votes to one label per face: FERPlus's rules.

Source: Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression
recognition with crowd-sourced label distribution" (ICMI 2016), in the exact form of the data
reader in Microsoft's FERPlus repository. The rules disagree on which faces are usable, so each
gives another test set: always say which rule, and how many faces it kept. Say which votes, too:
papers quote 25,045 training and 3,191 validation faces for the majority rule, while the same rule
keeps 25,060 and 3,199 with fer2013new.csv. The label.csv files in FERPlus's repository hold other
votes for some faces.
"""

from collections.abc import Callable, Sequence

import numpy as np

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
