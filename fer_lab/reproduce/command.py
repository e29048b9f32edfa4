"""`python -m fer_utils reproduce`: train and score what a published row names, beside its number.

A run is one row and one seed. Each leaves OUT/ROW/seedN/run.json, and can be interrupted (Ctrl-C)
at any time: the same command goes on at the epoch where it was.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from fer_lab import reproduce
from fer_lab.reproduce import Job, Row
from fer_utils import papers, plots, train
from fer_utils.errors import FerError
from fer_utils.files import write
from fer_utils.papers import Claim

FIGURES = Path("figures")
MADE_BY = "python -m fer_utils reproduce --table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "key", nargs="?", help='PAPER, PAPER:TABLE or "PAPER:TABLE:ROW", e.g. pandey2019:IV'
    )
    parser.add_argument(
        "--list", action="store_true", help="show rows, what each needs and whether it is done"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="no training: write FIGURES/claims.csv and claims.png again, from FIGURES/runs",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="ROOT",
        help="folder that holds NAME/ for each data set, or the data set's own, named like it "
        "(default: the usual places)",
    )
    parser.add_argument("--runs", type=int, default=1, help="seeds 0 to RUNS-1 of each row")
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument(
        "--faces", type=int, help="a quick look: so many faces of each split; not for claims.csv"
    )
    parser.add_argument("--precision", choices=train.PRECISIONS, default="float32")
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/reproduce"),
        help="folder of the runs and of a table of them (default: runs/reproduce)",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        help="also copy each run's summary to FIGURES/runs, and write FIGURES/claims.csv and "
        "claims.png again: `--figures figures` updates the kit's own table",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="send the runs to this Dask cluster, whose machines all see OUT and ROOT; start its "
        "workers with --nthreads 1, one for each GPU with --resources GPU=1 (needs the extra "
        "'cluster')",
    )


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, and write the tables.

    Returns 0, 1 where a run failed, 130 where interrupted.
    """
    if args.table:
        figures = args.figures or FIGURES
        save(reproduce.published(figures), figures, args.data)
        return 0
    if args.list:
        print(listing(papers.claims(args.key or ""), args.data, args.out))
        return 0
    if not args.key:
        raise FerError("which row? PAPER, PAPER:TABLE or PAPER:TABLE:ROW; --list shows them all.")
    claims = trainable(papers.claims(args.key), args.data)
    failures, interrupted = [], False
    try:
        for failure in work(jobs(claims, args), args):
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
    return 1 if failures else 0


def trainable(claims: Sequence[Claim], root: Path | None) -> list[Claim]:
    """Return the rows that can be trained with the data here; print why the others cannot.

    Raises:
        FerError: none can.
    """
    left_out: dict[str, list[str]] = {}
    for claim in claims:
        if why := obstacle(claim, root):
            left_out.setdefault(why, []).append(claim.key)
    said = [
        f"{keys[0]}{f' and {len(keys) - 1} more' if keys[1:] else ''}: {why}"
        for why, keys in left_out.items()
    ]
    chosen = [claim for claim in claims if not obstacle(claim, root)]
    if not chosen:
        raise FerError("nothing to train. " + " ".join(said))
    for text in said:
        print(f"left out: {text}")
    return chosen


def obstacle(claim: Claim, root: Path | None) -> str:
    """Say why a row cannot be trained here; "" where it can."""
    if claim.comparable or not claim.experiment:
        return f"no run of this kit can be set beside it: {claim.comparable or 'no network'}"
    if reproduce.locate(claim.dataset, root) is None:
        return reproduce.missing(claim.dataset, root)
    return ""


def jobs(claims: Sequence[Claim], args: argparse.Namespace) -> list[Job]:
    """Return the runs that were asked for."""
    return reproduce.make_jobs(
        claims,
        args.runs,
        out=args.out.resolve(),
        data=args.data and args.data.resolve(),
        epochs=args.epochs,
        precision=args.precision,
        device=args.device,
        threads=args.threads,
        faces=args.faces,
    )


def work(todo: Sequence[Job], args: argparse.Namespace) -> Iterator[FerError]:
    """Do the jobs, publish those that end well if asked to; yield what went wrong."""
    away = args.scheduler
    outcomes = reproduce.on_cluster(todo, away) if away else one_by_one(todo)
    with tqdm(total=len(todo), desc="runs", unit="run") as bar:
        for job, outcome in outcomes:
            bar.update()
            if isinstance(outcome, FerError):
                yield outcome
                continue
            bar.write(f"{job.name}: {said(outcome)}")
            if args.figures and not args.faces:
                try:
                    reproduce.publish(outcome, args.figures)
                except FerError as problem:
                    yield problem


def one_by_one(todo: Sequence[Job]) -> Iterator[tuple[Job, dict | FerError]]:
    """Do the jobs on this machine; yield each with its record, or why it failed."""
    for job in todo:
        try:
            outcome = reproduce.run(job)
        except FerError as problem:
            outcome = problem
        yield job, outcome


def said(record: dict) -> str:
    """Return a run's result in one line."""
    accuracy, config = record["accuracy"], record["config"]
    low, high = accuracy["interval_95"]
    return (
        f"accuracy {accuracy['value']:.3f} ({accuracy['correct']} of {accuracy['n']}; "
        f"95 % {low:.3f}-{high:.3f}) on the {record['split']} split, best of "
        f"{record['epochs_done']} epochs ({config['epochs']} asked), {record['seconds']:.0f} s"
    )


def save(records: Sequence[dict], folder: Path, root: Path | None) -> list[Row]:
    """Write claims.csv, and claims.png where there are runs, into a folder; return the rows."""
    rows = reproduce.table(records, lambda name: reproduce.locate(name, root) is not None)
    folder.mkdir(parents=True, exist_ok=True)
    made = [write(folder / "claims.csv", reproduce.as_csv(rows, MADE_BY))]
    if any(row.records for row in rows):
        figure = plots.claims([row.cells() for row in rows])
        made.append(plots.save(figure, folder / "claims.png"))
    print("wrote " + ", ".join(map(str, made)))
    return rows


def listing(claims: Sequence[Claim], root: Path | None, out: Path) -> str:
    """Return two lines for every row: its number; what it needs, and how many runs there are."""
    done: dict[str, int] = {}
    for record in reproduce.finished(out):
        done[record["claim"]] = done.get(record["claim"], 0) + 1
    lines = []
    for claim in claims:
        lines.append(f"{claim.key}: {claim.metric} {claim.printed} {claim.unit}".rstrip())
        if claim.comparable or not claim.experiment:
            lines.append(f"    {obstacle(claim, root)}")
            continue
        recipe = train.recipe(reproduce.recipe_of(claim))
        here = "here" if reproduce.locate(claim.dataset, root) else "not here"
        lines.append(
            f"    {claim.dataset} ({here}); {claim.experiment['name']}, recipe "
            f"{reproduce.recipe_of(claim)}, {recipe.epochs} epochs; "
            f"{done.get(reproduce.trained_once(claim).key, 0)} runs in {out}"
        )
    return "\n".join(lines)
