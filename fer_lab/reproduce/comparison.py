"""The table of published numbers: each with our runs, the difference, and what it is worth."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fer_lab.reproduce.datasets import PAPER, PUBLISHED, label_rule
from fer_lab.reproduce.jobs import recipe_of, trained_once
from fer_utils import commands, papers, train
from fer_utils.papers import Claim

REPRODUCED, NOT_REACHED = "reproduced", "not reached"
NOT_COMPARABLE = "protocol not comparable"
NO_DATA, NOT_RUN = "data not available here", "not run yet"

#: By how much the number of test faces may differ from the paper's: FERPlus's votes are passed
#: around in versions that keep a few faces more or fewer by the same rule.
_SAME_SIZE = 0.02


@dataclass(frozen=True)
class Row:
    """A published number beside our runs.

    Attributes:
        claim: the published row.
        records: of our runs of one configuration; empty where there are none.
        values: the claim's metric in each of them, in the claim's unit.
        status: see `compare`.
        why: what stands behind the status.
    """

    claim: Claim
    records: tuple[dict, ...]
    values: tuple[float, ...]
    status: str
    why: str

    def cells(self) -> dict[str, str]:
        """Return the row as text, by column."""
        claim, first = self.claim, self.records[0] if self.records else None
        digits, values = 2 if claim.unit == "%" else 4, self.values
        numbers = (float(np.mean(values)), min(values), max(values)) if values else ()
        ours = [f"{number:.{digits}f}" for number in numbers] or [""] * 3
        return {
            "key": claim.key,
            "dataset": claim.dataset,
            "metric": claim.metric,
            "unit": claim.unit,
            "published": claim.printed,
            "published_low": _text(claim.low),
            "published_high": _text(claim.high),
            "published_n": _text(claim.n),
            **dict(zip(("ours", "ours_min", "ours_max"), ours, strict=True)),
            "difference": f"{numbers[0] - claim.value:+.{digits}f}" if numbers else "",
            "runs": str(len(self.records)),
            "epochs": str(first["config"]["epochs"]) if first else "",
            "n": str(first["accuracy"]["n"]) if first else "",
            "split": first["split"] if first else "",
            "protocol": claim.protocol,
            "status": self.status,
            "why": self.why,
        }


def measurable(claim: Claim, record: dict) -> bool:
    """Whether a claim's metric can be had of a run's confusion matrix."""
    rows = (*record["classes"], "macro avg", "weighted avg")
    per_class = claim.metric in ("precision", "recall", "f1") and claim.row.split(",")[0] in rows
    return per_class or claim.metric == "accuracy"


def measured(claim: Claim, record: dict) -> float:
    """Return a claim's metric of a run's confusion matrix, in its unit, where it is `measurable`.

    Accuracy; precision, recall and F1 of the class that the claim's row names, or their macro or
    weighted average. The precision of a class that is never said is 0.
    """
    counts = np.array(record["confusion"], float)
    right, size = counts.diagonal(), counts.sum(1)
    recall = right / np.maximum(size, 1)
    precision = right / np.maximum(counts.sum(0), 1)
    f1 = 2 * right / np.maximum(size + counts.sum(0), 1)
    row, known = claim.row.split(",")[0], record["classes"]
    if claim.metric == "accuracy":
        return float(right.sum() / size.sum()) * scale(claim)
    of_class = {"precision": precision, "recall": recall, "f1": f1}[claim.metric]
    if row in known:
        value = of_class[known.index(row)]
    else:
        value = np.average(of_class, weights=size if row == "weighted avg" else None)
    return float(value) * scale(claim)


def scale(claim: Claim) -> int:
    """Return 100 where a claim's value is in per cent, 1 where it is a share."""
    return 100 if claim.unit == "%" else 1


def protocol_differences(claim: Claim, record: dict) -> list[str]:
    """Return in how far a run's protocol is another than its claim's; empty where it is not."""
    config, recipe = record["config"], train.recipe(recipe_of(claim))
    n = record["accuracy"]["n"]
    reasons = (
        (record["split"] != "test", "scored on the validation split, which also chose the epoch"),
        (
            record["division"] not in (PUBLISHED, PAPER),
            f"the faces were divided by {record['division']}, by this kit",
        ),
        (
            config["epochs"] < recipe.epochs,
            f"{config['epochs']} of {recipe.epochs} epochs",
        ),
        (
            config["label_rule"] != label_rule(claim),
            f"labels by {config['label_rule'] or 'the data set itself'}",
        ),
        (
            config["recipe"] != recipe_of(claim) or config["net"] != claim.experiment,
            "another network or recipe",
        ),
        (
            claim.n is not None and abs(n - claim.n) > _SAME_SIZE * claim.n,
            f"{n:,} faces scored, {claim.n or 0:,} in the paper",
        ),
    )
    return [reason for differs, reason in reasons if differs]


def compare(claim: Claim, records: Sequence[dict], has_data: Callable[[str], bool]) -> Row:
    """Set our runs beside a published number.

    Where runs of several configurations exist, those count that are comparable, then those of the
    most epochs, then the most runs. The status is, in this order:

    - "protocol not comparable": the claim says why no run of this kit can be set beside it; or
      the run was scored on another split, learned other labels, for fewer epochs or from another
      recipe than the claim's, or the paper's test set is of another size. `Row.why` says which.
    - "reproduced": the upper end of our span reaches the published value. The span is least to
      best of our runs where there are several, as papers print it; of a single run it is the
      Wilson interval (95 %) of its accuracy. Who scores higher has reached the number too; `why`
      then says so.
    - "not reached": it does not.
    - "data not available here", or "not run yet", where there are no runs.

    Args:
        claim: the published row.
        records: of any runs; those of other rows are passed over.
        has_data: whether a data set of that name is here.
    """
    if claim.comparable:
        return Row(claim, (), (), NOT_COMPARABLE, claim.comparable)
    if not claim.experiment:
        return Row(claim, (), (), NOT_COMPARABLE, "no network of this kit belongs to it")
    own = [record for record in records if record["claim"] == trained_once(claim).key]
    if not own:
        here = has_data(claim.dataset)
        return Row(claim, (), (), NOT_RUN if here else NO_DATA, "" if here else claim.dataset)
    if not measurable(claim, own[0]):
        return Row(claim, (), (), NOT_COMPARABLE, f"{claim.metric} of {claim.row}: not measured")
    chosen = max(_alike(own), key=lambda group: _worth(claim, group))
    values = tuple(measured(claim, record) for record in chosen)
    reasons = protocol_differences(claim, chosen[0])
    if reasons:
        return Row(claim, tuple(chosen), values, NOT_COMPARABLE, "; ".join(reasons))
    low, high = span(claim, chosen, values)
    status = REPRODUCED if high >= claim.value else NOT_REACHED
    why = f"our span: {low:.4g} to {high:.4g}"
    why += ", all of it above the published number" if low > claim.value else ""
    return Row(claim, tuple(chosen), values, status, why)


def span(claim: Claim, records: Sequence[dict], values: Sequence[float]) -> tuple[float, float]:
    """Return least and best of several runs, or the interval of a single one."""
    if len(values) == 1 and claim.metric == "accuracy":
        low, high = records[0]["accuracy"]["interval_95"]
        return scale(claim) * low, scale(claim) * high
    return min(values), max(values)


def _alike(records: Sequence[dict]) -> list[list[dict]]:
    """Group runs of one configuration and data, scored on one split; of a seed the last counts."""
    groups: dict[str, dict[int, dict]] = {}
    # runs from before faces were known by their content count as those of the first that are
    first = next((known for record in records if (known := record.get("digests"))), None)
    for record in records:
        data = record.get("digests") or first
        key = json.dumps([record["config"], record["split"], data], sort_keys=True)
        groups.setdefault(key, {})[record["seed"]] = record
    return [[seeds[seed] for seed in sorted(seeds)] for seeds in groups.values()]


def _worth(claim: Claim, group: list[dict]) -> tuple:
    return not protocol_differences(claim, group[0]), group[0]["config"]["epochs"], len(group)


def table(records: Sequence[dict], has_data: Callable[[str], bool]) -> list[Row]:
    """Return a row for every claim of `papers.CLAIMS`; quick looks at few faces do not count."""
    whole = [record for record in records if not record["config"]["faces"]]
    return [compare(claim, whole, has_data) for claim in papers.CLAIMS]


def as_csv(rows: Sequence[Row], made_by: str) -> str:
    """Return the table as CSV, with what made it on its first line."""
    about = f"published numbers beside runs of this kit; made by: {made_by}"
    cells = [row.cells() for row in rows]
    return commands.as_csv([about], [list(cells[0]), *(list(row.values()) for row in cells)])


def as_text(rows: Sequence[Row]) -> str:
    """Return rows as lines for the screen."""
    lines = []
    for row in rows:
        cells = row.cells()
        ours = "no run"
        if row.records:
            ours = f"{cells['ours']} ({cells['ours_min']} to {cells['ours_max']}; "
            ours += f"runs {cells['runs']}, epochs {cells['epochs']}, "
            ours += f"{cells['split']} split, n = {cells['n']})"
        lines.append(row.claim.key)
        lines.append(f"    published {cells['published']} {cells['unit']}; ours {ours}")
        lines.append(f"    {row.status}{': ' + row.why if row.why else ''}")
    return "\n".join(lines)


def _text(value: float | int | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
