"""`python -m scripts.site`: stage the sources, have Sphinx write the pages, check, put in place."""

import argparse
import os
import re
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

STOPPED = "\nStopped: no site was written, one of before is as it was."

try:  # these take seconds, in which one may think better of it
    from scripts.notebooks import ROOT
    from scripts.site import links, staging
    from scripts.slides import SlideError
except KeyboardInterrupt:
    if __name__ != "__main__":
        raise
    print(STOPPED, file=sys.stderr)
    sys.exit(130)

CONFIGURATION = ROOT / "docs" / "site"
# Sphinx leaves this file in what it has written: by it a folder is known to be a site.
MARK = ".buildinfo"
NEEDED = ("sphinx", "myst_nb", "furo", "latex2mathml")


def write_pages(source: Path, out: Path, doctrees: Path) -> list[str]:
    """Have Sphinx write the pages; return its warnings."""
    from io import StringIO

    from sphinx.application import Sphinx

    warnings = StringIO()
    app = Sphinx(
        source, CONFIGURATION, out, doctrees, "html", status=None, warning=warnings, freshenv=True
    )
    app.build()
    return re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue()).replace(f"{source}/", "").splitlines()


def put_in_place(made: Path, out: Path) -> None:
    """Rename the finished pages to their place; the site of before goes when they are there."""
    old = made.with_name("old")
    if out.exists():
        out.rename(old)
    try:
        made.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(argv: list[str] | None = None) -> int:
    """Build the site; return 1 where a link in it is broken or Sphinx has warned, 2 for misuse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder (default: site/)")
    out = parser.parse_args(argv).out.resolve()
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        wanted = 'pip install -c constraints.txt -e ".[site]"'
        print(f"The site needs {', '.join(missing)}: make site, or {wanted}.", file=sys.stderr)
        return 2
    empty = out.is_dir() and not any(out.iterdir())
    if out.exists() and not (out / MARK).exists() and not empty:
        print(f"{out} is there and is no site: name another folder, by --out.", file=sys.stderr)
        return 2
    try:
        problems = build(out)
    except (OSError, SlideError) as error:
        print(f"No site was written: {error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    print(f"{out / 'index.html'}: {size_of(out) / 1e6:.1f} MB in all")
    return int(bool(problems))


def build(out: Path) -> list[str]:
    """Write the site to its folder; return what is wrong with it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", suffix=".tmp", dir=out.parent) as passing:
        source, made = Path(passing) / "source", Path(passing) / "made"
        staging.stage(source)
        problems = write_pages(source, made, Path(passing) / "doctrees")
        shutil.copytree(source / "whole", made, dirs_exist_ok=True)
        problems += links.problems(made)
        put_in_place(made, out)
    return problems


if __name__ == "__main__":
    os.environ["TQDM_DISABLE"] = "1"  # not in main(): who calls it wants no other environment
    sys.exit(main())
