"""A notebook in JupyterLab in a real browser: what the tests of the widgets share.

Needs Chromium (`apt-get install chromium`; Chrome will do) and playwright.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from scripts import notebooks

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = "no-sandbox disable-gpu disable-quic no-first-run disable-sync"
FLAGS += " disable-background-networking disable-component-update"
MINUTES = 60_000  # milliseconds

# All cells in the page at once, and no questions about news.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
ERRORS = '[data-mime-type="application/vnd.jupyter.error"]'
STDERR = '[data-mime-type="application/vnd.jupyter.stderr"]'

# What is asked of a kernel that is still being connected gets lost now and then.
RUN_ALL = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.sessionContext.ready;
  const kernel = panel.sessionContext.session.kernel;
  await kernel.info;
  await kernel.requestExecute({code: "0"}).done;
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
  window.allRun = true;
}"""

# What the cells raised, in words; only a model knows for certain, whatever the page makes of it.
RAISED = """() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells
  .flatMap(({outputs}) => outputs ?? []).filter(({output_type}) => output_type === "error")
  .map(({ename, evalue}) => `${ename}: ${evalue}`)"""

needed = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium (nor Chrome) here")


@contextmanager
def opened(
    home: Path, notebook: nbformat.NotebookNode, ready: str, flags: tuple[str, ...] = ()
) -> Iterator:
    """Run all cells of a notebook in JupyterLab in a browser; yield the page.

    Args:
        home: an empty folder, for JupyterLab's own files and the notebook.
        notebook: its outputs are left out, so that what is seen is made now.
        ready: JavaScript that is true once the page shows what is tested.
        flags: for the browser, beside those that all tests need.

    Raises:
        AssertionError: a cell raised; its error is the message.
    """
    store(home, notebook)
    with jupyterlab(home) as address, chromium(flags) as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(2 * MINUTES)
        # JupyterLab asks its server every few seconds; where a test has cut the page off, it says
        # so in a dialog that lies over everything.
        dialog = page.locator("dialog.jp-Dialog", has_text="Server Connection Error")
        page.add_locator_handler(dialog, lambda it: it.locator("button").last.click())
        run_all(page, address)
        wrong = page.evaluate(RAISED)
        assert not wrong, f"a cell raised {wrong[0]}"
        page.wait_for_function(ready)
        yield page


def store(home: Path, notebook: nbformat.NotebookNode) -> None:
    """Write the notebook that JupyterLab is to open, without outputs."""
    (home / "work").mkdir(parents=True)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, home / "work" / "it.ipynb")


@contextmanager
def chromium(flags: tuple[str, ...] = ()) -> Iterator:
    """Start the browser, with flags beside those that all tests need; yield it."""
    with playwright.sync_playwright() as driver:
        arguments = [f"--{flag}" for flag in (*FLAGS.split(), *flags)]
        browser = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser
        browser.close()


@contextmanager
def jupyterlab(home: Path) -> Iterator[str]:
    """Start JupyterLab with settings of its own; yield the address of its notebook."""
    for name, values in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    environment = notebooks.kernel_environment() | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={home / 'work'}", "--LabApp.expose_app_in_browser=True"]
    command += ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    with open(home / "log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for_server(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/it.ipynb?token={token}"
    finally:
        server.terminate()  # its kernels go with it
        server.wait(30)


def wait_for_server(address, server, log, seconds=120):
    give_up = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address).close()
            return
        except (urllib.error.URLError, ConnectionError):
            late = time.monotonic() > give_up
            assert server.poll() is None and not late, f"no JupyterLab:\n{log.read_text()}"
            time.sleep(0.2)


def run_all(page, address, tries=3):
    """Open the notebook and run its cells; once in a while JupyterLab loses the first request."""
    for left in reversed(range(tries)):
        page.goto(address)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        page.wait_for_function("window.jupyterapp.shell.currentWidget?.sessionContext")
        page.evaluate(f"() => {{ ({RUN_ALL})(); }}")  # returns at once: the limit is ours
        try:
            page.wait_for_function("window.allRun", timeout=2 * MINUTES)
            return
        except playwright.TimeoutError:
            if not left:
                raise
