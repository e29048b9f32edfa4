"""Published rows, trained again: jobs that can be interrupted, records, and the table of both.

`make_jobs` turns rows of `papers.CLAIMS` and seeds into jobs; `fer_lab.run.do` does one, here or on
another machine, and leaves one JSON; `table` sets all records beside the published numbers.
"""

from fer_lab.reproduce.comparison import Row, as_csv, as_text, table
from fer_lab.reproduce.datasets import locate, missing
from fer_lab.reproduce.jobs import Job, make_jobs, recipe_of, trained_once
from fer_lab.reproduce.records import RUNS, finished, publish, published

__all__ = [
    "RUNS",
    "Job",
    "Row",
    "as_csv",
    "as_text",
    "finished",
    "locate",
    "make_jobs",
    "missing",
    "publish",
    "published",
    "recipe_of",
    "table",
    "trained_once",
]


def __dir__() -> list[str]:
    return list(__all__)
