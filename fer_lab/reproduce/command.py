"""`python -m fer_utils reproduce`: train and score what a published row names, beside its number.

A run is one training from one seed; rows of one training, such as the precisions of a table, share
its runs. Each leaves OUT/ROW/seedN/run.json, and can be interrupted (Ctrl-C) at any time: the same
command goes on at the epoch where it was.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from fer_lab import reproduce
from fer_lab.cluster import outcomes
from fer_lab.reproduce import Row, jobs
from fer_lab.reproduce.speed import Speed, training_faces
from fer_lab.run import Run, shared
from fer_utils import papers, plots, train
from fer_utils.commands import file_name
from fer_utils.errors import FerError
from fer_utils.files import check_folder, make_folder, write
from fer_utils.models.answers import chosen_device
from fer_utils.papers import Claim

FIGURES = Path("figures")
MADE_BY = "python -m fer_utils reproduce --table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    jobs.add_arguments(parser)
    parser.add_argument(
        "--list", action="store_true", help="show rows, what each needs and whether it is done"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="no training: write FIGURES/claims.csv and claims.png again, from FIGURES/runs",
    )
    parser.add_argument(
        "--figures",
        type=file_name,
        help="also copy each run's summary to FIGURES/runs, and write FIGURES/claims.csv and "
        "claims.png again: `--figures figures` updates the kit's own table",
    )


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, and write the tables.

    Returns 0, 2 where a run failed or another program was at work on one, 130 where interrupted.
    """
    if args.table:
        figures = args.figures or FIGURES
        save(reproduce.published(figures), figures, args.data)
        return 0
    if args.list:
        for line in listing(papers.claims(args.key or ""), args):
            print(line, flush=True)  # as they come: timing the networks takes half a minute
        return 0
    if not args.key:
        raise FerError("which row? PAPER, PAPER:TABLE or PAPER:TABLE:ROW; --list shows them all.")
    claims = trainable(papers.claims(args.key), args)
    for folder in filter(None, (args.out, args.figures)):
        check_folder(folder)  # before the training
    if not args.scheduler:  # whose machines have devices of their own
        chosen_device(args.device)
    failures, interrupted = [], False
    try:
        for failure in work(chosen_jobs(claims, args), args):
            failures.append(failure)
    except KeyboardInterrupt:
        interrupted = True
    if not args.faces:
        rows = save(reproduce.finished(args.out), args.out, args.data)
        keys = {claim.key for claim in claims}
        print(reproduce.as_text([row for row in rows if row.claim.key in keys]))
    if args.figures:
        save(reproduce.published(args.figures), args.figures, args.data)
    for failure in failures:
        print(f"failed: {failure}")
    if interrupted:
        print("interrupted: the same command goes on from here")
        return 130
    return 2 if failures else 0


def trainable(claims: Sequence[Claim], args: argparse.Namespace) -> list[Claim]:
    """Return the rows that can be trained with the data here; print why the others cannot.

    Raises:
        FerError: none can.
    """
    skipped: dict[str, list[str]] = {}
    chosen = []
    for claim in claims:
        if why := obstacle(claim, args):
            skipped.setdefault(why, []).append(claim.key)
        else:
            chosen.append(claim)
    reasons = [
        f"{keys[0]}{f' and {len(keys) - 1} more' if keys[1:] else ''}: {why}"
        for why, keys in skipped.items()
    ]
    if not chosen:
        raise FerError("nothing to train. " + " ".join(reasons))
    for text in reasons:
        print(f"left out: {text}")
    return chosen


def obstacle(claim: Claim, args: argparse.Namespace) -> str:
    """Say why a row cannot be trained here; "" where it can."""
    if claim.comparable or not claim.experiment:
        return f"no run of this kit can be set beside it: {claim.comparable or 'no network'}"
    if reproduce.locate(claim.dataset, args.data) is None:
        return reproduce.missing(claim.dataset, args.data)
    if claim.setup.base and args.base_weights is None:
        return jobs.needs_base(claim)
    return ""


def chosen_jobs(claims: Sequence[Claim], args: argparse.Namespace) -> Sequence[Run]:
    """Return the runs that were asked for."""
    names = ("epochs", "precision", "device", "threads", "faces")
    options = {name: getattr(args, name) for name in names}
    options |= {"out": args.out.resolve(), "data": args.data and args.data.resolve()}
    options["base_weights"] = args.base_weights and args.base_weights.resolve()
    seeds = range(args.runs) if args.seeds is None else args.seeds
    every = reproduce.make_jobs(claims, seeds, **options)
    return shared(every, args.share)


def work(runs: Sequence[Run], args: argparse.Namespace) -> Iterator[FerError]:
    """Do the runs, publish those that end well if asked to; yield what went wrong."""
    with tqdm(total=len(runs), desc="runs", unit="run") as bar:
        for run, outcome in outcomes(runs, args.scheduler):
            bar.update()
            if isinstance(outcome, FerError):
                yield outcome
                continue
            bar.write(f"{run.name}: {in_words(outcome)}")
            if args.figures and not args.faces:
                try:
                    reproduce.publish(outcome, args.figures)
                except FerError as problem:
                    yield problem


def in_words(record: dict) -> str:
    """Return a run's result in one line."""
    accuracy, config = record["accuracy"], record["config"]
    low, high = accuracy["interval_95"]
    chosen = "last" if config.get("setup", {}).get("epoch") == "last" else "best"
    return (
        f"accuracy {accuracy['value']:.3f} ({accuracy['correct']} of {accuracy['n']}; "
        f"95 % {low:.3f}-{high:.3f}) on the {record['split']} split, {chosen} of "
        f"{record['epochs_done']} epochs ({config['epochs']} asked), {record['seconds']:.0f} s"
    )


def save(records: Sequence[dict], folder: Path, root: Path | None) -> list[Row]:
    """Write claims.csv, and claims.png where there are runs, into a folder; return the rows."""
    rows = reproduce.table(records, lambda name: reproduce.locate(name, root) is not None)
    make_folder(folder)
    made = [write(folder / "claims.csv", reproduce.as_csv(rows, MADE_BY))]
    if any(row.records for row in rows):
        figure = plots.claims([row.cells() for row in rows])
        made.append(plots.save(figure, folder / "claims.png"))
    print("wrote " + ", ".join(map(str, made)))
    return rows


def listing(claims: Sequence[Claim], args: argparse.Namespace) -> Iterator[str]:
    """Yield lines for every row: its number; its status, what it needs, how long a run takes.

    The status is that of the runs in `args.out` and of those that are kept beside the table. The
    time is an estimate for an idle machine: of each network a few steps are timed here and now.
    """
    figures = args.figures or FIGURES
    records = [*reproduce.published(figures), *reproduce.finished(args.out)]
    rows = reproduce.table(records, lambda name: reproduce.locate(name, args.data) is not None)
    by_key = {row.claim.key: row for row in rows}
    speed = Speed(args.device)
    for claim in claims:
        row = by_key[claim.key]
        yield f"{claim.key}: {claim.metric} {claim.printed} {claim.unit}".rstrip()
        yield f"    {row.status}{': ' + row.why if row.why else ''}"
        if claim.comparable or not claim.experiment:
            continue
        first = jobs.trained_once(claim)
        if first.key != claim.key and first in claims:
            yield f"    by the runs of {first.key}"
            continue
        recipe = train.recipe(reproduce.recipe_of(claim))
        here = "here" if reproduce.locate(claim.dataset, args.data) else "not here"
        done = f"{len(row.records)} runs"
        if row.records:
            done += f" of {row.cells()['epochs']} epochs"
        yield (
            f"    {claim.dataset} ({here}); {claim.experiment['name']}, recipe "
            f"{reproduce.recipe_of(claim)}, {recipe.epochs} epochs; {done} in {args.out} and "
            f"{figures / reproduce.RUNS}; {duration(claim, speed)}"
        )
        if claim.setup.base:
            yield f"    {jobs.needs_base(claim)}"


def duration(claim: Claim, speed: Speed) -> str:
    """Say how long a run of a row takes on this machine, as an estimate."""
    faces = training_faces(claim)
    if faces is None:
        return "how long a run takes is not known: its number of faces is not"
    epochs = train.recipe(reproduce.recipe_of(claim)).epochs
    rate = speed.of(claim.experiment)
    # of a frozen base, the pass that computes its features is nearly all
    passes = 1 / 3 if claim.setup.base else epochs
    twice = 2 if claim.gain_of else 1
    seconds = twice * passes * faces / rate
    on = "on one core" if speed.device == "cpu" else f"on {speed.device}"
    return f"about {span(seconds)} a run (an estimate, at {rate:,.3g} pictures per second {on})"


def span(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(1, round(seconds))} seconds"
