"""The table of published numbers: each with our runs, the difference, and what it is worth."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fer_lab.reproduce.datasets import PAPER, PUBLISHED, label_rule
from fer_lab.reproduce.intervals import (
    Interval,
    difference,
    mcnemar,
    of_mean,
    of_pairs,
)
from fer_lab.reproduce.jobs import recipe_of, trained_once
from fer_lab.reproduce.records import file_name
from fer_lab.reproduce.scores import (
    clipped,
    interval_of,
    measurable,
    measured,
    published_gain,
    published_interval,
    score_of,
)
from fer_utils import commands, papers, train
from fer_utils.papers import Claim

WITHIN, ABOVE, BELOW = VERDICTS = ("within", "above", "below")
NOT_COMPARABLE = "protocol not comparable"
NO_DATA, NOT_RUN = "data not available here", "not run yet"


@dataclass(frozen=True)
class Row:
    """A published number beside our runs.

    Attributes:
        claim: the published row.
        records: of our runs of one configuration; empty where there are none.
        values: the claim's metric in each of them, in the claim's unit; of a gain, the difference
            of each pair of runs.
        status: see `compare`.
        why: what stands behind the status.
        interval: of the mean of `values`, see `fer_lab.reproduce.intervals`.
        published: the interval of the published number.
        difference: the interval of ours less the published number.
        on_test: what the epoch that is best on the test set has instead, and the interval of what
            choosing it brought; None where nobody looked.
        others: records of the runs that a gain's were compared with.
    """

    claim: Claim
    records: tuple[dict, ...] = ()
    values: tuple[float, ...] = ()
    status: str = NOT_RUN
    why: str = ""
    interval: Interval | None = None
    published: Interval | None = None
    difference: Interval | None = None
    on_test: tuple[float, Interval] | None = None
    others: tuple[dict, ...] = ()

    def cells(self) -> dict[str, str]:
        """Return the row as text, by column."""
        claim, first = self.claim, self.records[0] if self.records else None
        digits, values = 4 if claim.unit == "" else 2, self.values
        numbers = (float(np.mean(values)), min(values), max(values)) if values else ()
        ours = [f"{number:.{digits}f}" for number in numbers] or [""] * 3

        def ends(name: str, interval: Interval | None, sign: str = "") -> dict[str, str]:
            known = [f"{end:{sign}.{digits}f}" for end in interval or ()] or ["", ""]
            return {f"{name}_low": known[0], f"{name}_high": known[1]}

        return {
            "key": claim.key,
            "dataset": claim.dataset,
            "metric": claim.metric,
            "unit": claim.unit,
            "published": claim.printed,
            "published_low": _text(claim.low),
            "published_high": _text(claim.high),
            "published_n": _text(claim.n),
            **ends("published_95", self.published),
            **dict(zip(("ours", "ours_min", "ours_max"), ours, strict=True)),
            **ends("ours_95", self.interval),
            "difference": f"{numbers[0] - claim.value:+.{digits}f}" if numbers else "",
            **ends("difference_95", self.difference, "+"),
            "best_test_epoch": f"{self.on_test[0]:.{digits}f}" if self.on_test else "",
            **ends("best_test_gain_95", self.on_test and self.on_test[1], "+"),
            "runs": str(len(self.records)),
            "epochs": str(first["config"]["epochs"]) if first else "",
            "n": str(first["accuracy"]["n"]) if first else "",
            "split": first["split"] if first else "",
            "protocol": claim.protocol,
            "status": self.status,
            "why": self.why,
            "files": " ".join(file_name(record) for record in (*self.records, *self.others)),
        }


def protocol_differences(claim: Claim, records: Sequence[dict]) -> list[str]:
    """Return in how far runs follow another protocol than their claim's; empty where none does."""
    return list(dict.fromkeys(reason for one in records for reason in _differences(claim, one)))


def _differences(claim: Claim, record: dict) -> list[str]:
    config, recipe = record["config"], train.recipe(recipe_of(claim))
    setup, asked = config.get("setup", {}), claim.setup.as_dict()
    n, stopped = record["accuracy"]["n"], record.get("stopped", "all ")
    reasons = (
        (record["split"] != "test", "scored on the validation split, which also chose the epoch"),
        (
            record["division"] not in (PUBLISHED, PAPER),
            f"the faces were divided by {record['division']}, by this kit",
        ),
        (
            setup != asked,
            f"set up otherwise: {_set_up(setup)}, where the paper's is {_set_up(asked)}",
        ),
        (
            config["epochs"] < recipe.epochs,
            f"{config['epochs']} of {recipe.epochs} epochs",
        ),
        (
            config["epochs"] > recipe.epochs,
            f"{config['epochs']} epochs, {recipe.epochs} in the paper",
        ),
        # as `History.stopped` says it: all epochs, or early stopping, else the loss was no number
        (not stopped.startswith(("all ", "early,")), f"the training broke off: {stopped}"),
        (
            config["label_rule"] != label_rule(claim),
            f"labels by {config['label_rule'] or 'the data set itself'}",
        ),
        (
            config["recipe"] != recipe_of(claim) or config["net"] != claim.experiment,
            "another network or recipe",
        ),
        (
            claim.n is not None and n != claim.n,
            f"{n:,} faces scored, {claim.n or 0:,} in the paper",
        ),
    )
    return [reason for differs, reason in reasons if differs]


def _set_up(setup: dict) -> str:
    """Return a setup in words."""
    words = [
        " ".join(value.values()) if isinstance(value, dict) else f"{name} {value}"
        for name, value in setup.items()
    ]
    return ", ".join(words) or "the usual"


def compare(claim: Claim, records: Sequence[dict], has_data: Callable[[str], bool]) -> Row:
    """Set our runs beside a published number.

    Where runs of several configurations exist, those count that are comparable, then those of the
    most epochs, then the most runs. The status is, in this order:

    - "protocol not comparable": the claim says why no run of this kit can be set beside it; or
      the run was scored on another split, at an epoch chosen otherwise, learned other labels, for
      fewer epochs or from another recipe than the claim's, or the paper's test set is of another
      size. `Row.why` says which.
    - "within": the interval (95 %) of ours less the published number holds 0: luck of faces and,
      of several runs, of seeds explains the difference. "above", "below": it does not. (A gain is
      that of pairs of runs; the range that is printed for it widens the published interval.) A
      single run gets a verdict too, and `why` says that the luck of its seed is not in it; no
      verdict says that a paper was right.
    - "data not available here", or "not run yet", where there are no runs.

    Args:
        claim: the published row.
        records: of any runs; those of other rows are passed over.
        has_data: whether a data set of that name is here.
    """
    if claim.comparable:
        return Row(claim, status=NOT_COMPARABLE, why=claim.comparable)
    own = [record for record in records if record["claim"] == trained_once(claim).key]
    if claim.gain_of:
        return _gain(claim, own, records, has_data)
    if not own:
        return _without_runs(claim, has_data)
    if not measurable(claim, own[0]):
        why = f"{claim.metric} of {claim.row}: not measured"
        return Row(claim, status=NOT_COMPARABLE, why=why)
    chosen = max(_alike(own), key=lambda group: _worth(claim, group))
    values = tuple(measured(claim, record) for record in chosen)
    faces = [interval_of(claim, record) for record in chosen]
    interval = clipped(claim, of_mean(values, faces))
    row = Row(claim, tuple(chosen), values, interval=interval, on_test=_on_test(claim, chosen))
    if reasons := protocol_differences(claim, chosen):
        return replace(row, status=NOT_COMPARABLE, why="; ".join(reasons))
    published = published_interval(claim, chosen[0], values, faces[0])
    apart = difference(float(np.mean(values)), interval, claim.value, published)
    why = _with_notes(claim, _in_words(apart), chosen)
    return replace(row, status=verdict(apart), why=why, published=published, difference=apart)


def verdict(apart: Interval) -> str:
    """Return the verdict that goes with the interval of ours less the published number."""
    return ABOVE if apart[0] > 0 else BELOW if apart[1] < 0 else WITHIN


def _in_words(apart: Interval) -> str:
    return f"ours less the published number: {apart[0]:+.4g} to {apart[1]:+.4g}"


def _without_runs(claim: Claim, has_data: Callable[[str], bool]) -> Row:
    here = has_data(claim.dataset)
    return Row(claim, status=NOT_RUN if here else NO_DATA, why="" if here else claim.dataset)


def _with_notes(claim: Claim, why: str, chosen: Sequence[dict]) -> str:
    notes = [why]
    if len(chosen) == 1:
        notes.append("one run: the luck of seeds, ours and the paper's, is not in the interval")
    if claim.n is None and not claim.gain_of:
        notes.append("the paper's number of test faces is taken to be ours")
    if claim.setup.assumed:
        notes.append(f"assumed: {claim.setup.assumed}")
    return "; ".join(notes)


def answers(record: dict, reading: dict | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of a run's scored faces and what it said of each, int64 (N,) each."""
    texts = record["labels"], (reading or record)["answers"]
    labels, said = (np.frombuffer(text.encode(), np.uint8) - ord("0") for text in texts)
    return labels.astype(np.int64), said.astype(np.int64)


def _on_test(claim: Claim, chosen: Sequence[dict]) -> tuple[float, Interval] | None:
    """Return the score of the epoch that the test set would choose, and what choosing it brings."""
    readings = [record.get("other_epochs", {}).get("test") for record in chosen]
    if not all(readings):
        return None
    pairs = [
        (*answers(record), answers(record, reading)[1])
        for record, reading in zip(chosen, readings, strict=True)
    ]
    score, classes = score_of(claim, chosen[0]), len(chosen[0]["classes"])
    value = np.mean([float(score(np.array(reading["confusion"]))) for reading in readings])
    return float(value), of_pairs(score, classes, pairs)[1]


def _gain(
    claim: Claim, own: list[dict], records: Sequence[dict], has_data: Callable[[str], bool]
) -> Row:
    """Compare runs with and without what is said to bring something, seed by seed."""
    with_it = papers.claim(claim.gain_of)
    key = trained_once(with_it).key
    without = _best(claim, own)
    others = _best(with_it, [record for record in records if record["claim"] == key])
    seeds = sorted(without.keys() & others.keys())
    if not seeds:
        return _without_runs(claim, has_data)
    pairs = [(without[seed], others[seed]) for seed in seeds]
    same = all(one.get("scored_faces") == other.get("scored_faces") for one, other in pairs)
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    reasons = protocol_differences(claim, ours) + protocol_differences(with_it, theirs)
    if not same or not all("answers" in record for pair in pairs for record in pair):
        reasons.append("the runs of a pair have not answered on the same faces, or it is not kept")
    if reasons:
        return Row(claim, status=NOT_COMPARABLE, why="; ".join(dict.fromkeys(reasons)))
    said = [(*answers(one), answers(other)[1]) for one, other in pairs]
    score, classes = score_of(claim, pairs[0][0]), len(pairs[0][0]["classes"])
    values = tuple(measured(claim, other) - measured(claim, one) for one, other in pairs)
    _, interval = of_pairs(score, classes, said)
    published = published_gain(claim, values, of_pairs(score, classes, said[:1])[1])
    apart = difference(float(np.mean(values)), interval, claim.value, published)
    coins = ", ".join(f"{mcnemar(*faces):.2g}" for faces in said)
    why = f"{_in_words(apart)}; our gain: {interval[0]:+.4g} to {interval[1]:+.4g}; "
    why += f"McNemar's p, run by run: {coins}"
    return Row(
        claim,
        tuple(ours),
        values,
        verdict(apart),
        _with_notes(claim, why, ours),
        interval=interval,
        published=published,
        difference=apart,
        others=tuple(theirs),
    )


def _best(claim: Claim, records: Sequence[dict]) -> dict[int, dict]:
    """Return seed -> run of the configuration that is worth most."""
    if not records:
        return {}
    group = max(_alike(records), key=lambda group: _worth(claim, group))
    return {record["seed"]: record for record in group}


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
    return not protocol_differences(claim, group), group[0]["config"]["epochs"], len(group)


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
