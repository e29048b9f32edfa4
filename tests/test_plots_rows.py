"""Tables beside figures."""

from pathlib import Path

import pytest

from fer_utils import FerError, plots


def test_a_table_is_read_by_column_and_its_notes_are_left_out(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('# what was done\narm,note\n"a, b",größer\n# more\nc,\n', encoding="utf-8")
    expected = [{"arm": "a, b", "note": "größer"}, {"arm": "c", "note": ""}]
    assert plots.read_table(path) == plots.read_table(str(path)) == expected


def test_the_tables_of_the_kit_can_be_read_and_drawn():
    rows = plots.read_table(Path(__file__).parent.parent / "figures" / "claims.csv")
    assert len(rows) > 100 and plots.claims(rows).alt


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FerError, match="there is no table .*missing.csv"):
        plots.read_table(tmp_path / "missing.csv")
