"""Tables as people have them: csv files, also those that a spreadsheet saved again.

A spreadsheet may write another encoding (UTF-16, Latin-1), a byte order mark, semicolons or
tabulators between the fields, quotes, line ends of an old Mac, empty fields behind the last column,
empty lines at both ends. All of this is undone here. What a table means is its data set's business.
"""

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from fer_utils.data import _tree as tree
from fer_utils.errors import FerError

DELIMITERS = (",", ";", "\t")

# Reading stops at this length, so that a file without line ends cannot fill the memory. A row of
# FER2013 has 2,304 numbers of three digits at most, so ten thousand bytes.
LONGEST = 100_000

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# how zip (also .xlsx), gzip, rar, 7z, bzip2, xz and .xls begin
_NO_TEXT = (b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ", b"\xd0\xcf")


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of every line, in UTF-8 (or as it is, where it was Latin-1).

    Blank lines come only between others. Of a line longer than `LONGEST` its beginning comes.

    Raises:
        FerError: the file is an archive, a spreadsheet's own format, or in UTF-16 without its mark.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST)
        if start.startswith(_NO_TEXT):
            what = tree.packed(path) or (
                "no text but an archive, or a spreadsheet's own format: unpack it, or save it as "
                "CSV."
            )
            raise FerError(f"{path} is {what}")
        if b"\0" in start[:2] and not start.startswith(_UTF16):
            raise FerError(
                f"{path} is no text in UTF-8 (perhaps UTF-16 without a byte order mark): save it "
                "again as CSV in UTF-8."
            )
        if start.startswith(_UTF16) or (b"\r" in start and b"\n" not in start):
            file.seek(0)
            coding = "utf-16" if start.startswith(_UTF16) else "latin-1"
            text = io.TextIOWrapper(file, coding, errors="replace")  # it knows every line end
            yield from _between_blanks(lambda: text.readline(LONGEST).encode())
        else:
            file.seek(len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0)
            yield from _between_blanks(lambda: file.readline(LONGEST))


def _between_blanks(read: Callable[[], bytes]) -> Iterator[tuple[int, bytes]]:
    number, begun = 0, False
    waiting: list[tuple[int, bytes]] = []
    while line := read():
        number += 1
        rest = line
        while len(rest) >= LONGEST and not rest.endswith(b"\n"):
            rest = read()
        if number == 1 and separator(line):
            continue
        if line.strip(b' \t\r\n,;"'):
            yield from waiting
            yield number, line
            waiting, begun = [], True
        elif begun:
            waiting.append((number, line))


def separator(line: bytes) -> bool:
    """Return whether this is the line that tells Excel what stands between the fields."""
    text = line.strip(b' \r\n",;').lower()  # `sep=;`, and the same in quotes
    return text in (b"sep=", b"sep=\t")


def delimiter(line: bytes) -> str:
    """Return the one of `DELIMITERS` that a table's first line has most of."""
    text = line.decode("utf-8", "replace")
    return max(DELIMITERS, key=text.count)


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number (of the line it ends on) and fields of every row.

    Empty fields that stand behind the columns of the first row are dropped.

    Raises:
        FerError: the file is no table.
    """
    numbers: list[int] = []
    found = lines(path)
    first = next(found, None)
    if first is None:
        return

    def text() -> Iterator[str]:
        for number, line in (first, *found):
            numbers.append(number)
            if len(line) >= LONGEST:
                raise FerError(f"{path}, line {number}: longer than {LONGEST:,} characters.")
            yield _decoded(line)

    columns = 0
    try:
        for row in csv.reader(text(), delimiter=delimiter(first[1])):
            columns = columns or len(without_empty_end(row))
            yield numbers[-1], without_empty_end(row, columns)
    except csv.Error as error:
        raise FerError(f"{path}, line {numbers[-1]}: {error}. Get the file again.") from None


def without_empty_end(fields: list[str], least: int = 0) -> list[str]:
    """Return the fields without empty ones at the end, but `least` of them if there are as many."""
    count = len(fields)
    while count > least and not fields[count - 1].strip():
        count -= 1
    return fields[:count]


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
