"""Makes nbval strict, however pytest is called: on everything, or on one notebook.

At the root, because pytest reads only the conftest.py files above the paths it is given.
The rules themselves are in tests/nbcompare.py.
"""

import os
from unittest import mock

import nbval.plugin
import pytest

from scripts import notebooks
from tests import nbcompare

# Unit tests compute with one thread as well, and draw without a screen.
os.environ.update(dict.fromkeys(notebooks.THREAD_VARIABLES, "1"))
os.environ["MPLBACKEND"] = "Agg"
# A command that breaks in a test shows where.
os.environ["FER_UTILS_DEBUG"] = "1"


class NotebookRules(pytest.Item):
    """What must hold for a notebook before it is worth re-running: one test per notebook."""

    def runtest(self):
        problems = nbcompare.notebook_problems(self.parent.nb, self.path)
        if problems:
            raise AssertionError("\n".join(problems))

    def repr_failure(self, excinfo):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}::rules"


class StrictNotebook(nbval.plugin.IPyNbFile):
    """A notebook whose kernel runs in the fixed environment, and whose rules are tested first."""

    def setup(self):
        with mock.patch.dict(os.environ, notebooks.kernel_environment(), clear=True):
            super().setup()

    def collect(self):
        yield NotebookRules.from_parent(self, name="rules")
        for made in super().collect():
            yield StrictCell.from_parent(
                self, name=made.name, cell_num=made.cell_num, cell=made.cell, options=made.options
            )


class StrictCell(nbval.plugin.IPyNbCell):
    """A cell whose outputs are compared by nbcompare."""

    def runtest(self):
        super().runtest()
        tags = self.cell.metadata.get("tags", [])
        outputs = self.test_outputs
        if "raises-exception" in tags and not any(o.output_type == "error" for o in outputs):
            self.raise_cell_error("Cell is tagged raises-exception and raised nothing")
        written = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
        if written and "stderr" not in tags:
            self.raise_cell_error("Cell wrote on stderr", "".join(written))

    def compare_outputs(self, test, ref, skip_compare=None):
        difference = nbcompare.output_difference(
            ref,
            test,
            nbcompare.tolerance(self.cell),
            stderr="stderr" in self.cell.metadata.get("tags", []),
        )
        self.comparison_traceback = [difference] if difference else []
        return difference is None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Take nbval's collector out and put the strict one in."""
    collected = yield
    return [
        StrictNotebook.from_parent(parent, path=file_path)
        if isinstance(one, nbval.plugin.IPyNbFile)
        else one
        for one in collected
    ]


def pytest_configure(config):
    if config.option.nbval_lax:
        raise pytest.UsageError("notebooks are compared strictly here: --nbval, not --nbval-lax")
