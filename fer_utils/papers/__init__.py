"""Published numbers as data: which paper, which row, what it says, and what would repeat it."""

from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.papers import alessi2019, anchors, borgalli2022, mazen2021, minaee2019, pandey2019
from fer_utils.papers.counts import COUNTS
from fer_utils.papers.pandey2019 import TABLE_III
from fer_utils.papers.record import Claim, Count, Setup

__all__ = ["CLAIMS", "COUNTS", "TABLE_III", "Claim", "Count", "Setup", "claim", "claims"]


def __dir__() -> list[str]:
    return list(__all__)


_SOURCES = (pandey2019, alessi2019, minaee2019, mazen2021, borgalli2022, anchors)

#: Every row of every table of results, paper by paper, and the anchors.
CLAIMS: tuple[Claim, ...] = tuple(row for source in _SOURCES for row in source.CLAIMS)


def claim(key: str) -> Claim:
    """Return a row of results by its key, "paper:table:row"; capitals do not count.

    Raises:
        FerError: no such row; the message names the nearest.
    """
    wanted = str(key).strip().lower()
    by_key = {row.key.lower(): row for row in CLAIMS}
    if wanted not in by_key:
        raise FerError(f"no published row {key!r}.{nearest(wanted, [row.key for row in CLAIMS])}")
    return by_key[wanted]


def claims(prefix: str = "") -> tuple[Claim, ...]:
    """Return all rows of a paper ("pandey2019"), a table ("pandey2019:IV") or one row.

    Args:
        prefix: the beginning of a key, up to one of its colons; capitals do not count. Empty
            returns every row.

    Raises:
        FerError: no row's key begins so; the message names the nearest beginning.
    """
    wanted = prefix.strip().lower().rstrip(":")
    if not wanted:
        return CLAIMS
    rows = tuple(row for row in CLAIMS if f"{row.key.lower()}:".startswith(f"{wanted}:"))
    if not rows:
        starts = dict.fromkeys(
            start for row in CLAIMS for start in (row.paper, f"{row.paper}:{row.table}", row.key)
        )
        likely = [start for start in starts if start.count(":") == min(wanted.count(":"), 2)]
        raise FerError(f"no published rows under {prefix!r}.{nearest(wanted, likely)}")
    return rows
