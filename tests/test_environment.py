"""pyproject.toml, constraints.txt, environment.yml and the Makefile describe one environment."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import fer_utils

ROOT = Path(__file__).resolve().parents[1]
FILES = ("pyproject.toml", "constraints.txt", "environment.yml", "Makefile")
ONE_PLATFORM_ONLY = re.compile(r"^(nvidia-|cuda-|triton|pywin|appnope|colorama)", re.IGNORECASE)


def read_all():
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in FILES}


def requirements(texts):
    """Direct dependencies, those of the extras included."""
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [Requirement(line) for group in groups for line in group]
    return [one for one in wanted if one.name != project["name"]]


def all_extras(project):
    """The extras to name for installing everything: `test` takes some of the others along."""
    extras = project["optional-dependencies"]
    own = next(Requirement(line) for line in extras["test"] if line.startswith(project["name"]))
    return ",".join(sorted(set(extras) - own.extras))


def pins(texts):
    """{package: version} of constraints.txt; a line that is no exact pin is an error."""
    lines = [line.split("#")[0].strip() for line in texts["constraints.txt"].splitlines()]
    matches = {line: re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line}
    unlike = [line for line, match in matches.items() if not match]
    assert not unlike, f"not an exact pin: {unlike}"
    return {canonicalize_name(match[1]): match[2] for match in matches.values()}


def drift(texts):
    """Say where the files disagree (an empty list: nowhere)."""
    found, pinned = [], pins(texts)
    for one in requirements(texts):
        version = pinned.get(canonicalize_name(one.name))
        if version is None:
            found.append(f"{one.name} has no pin in constraints.txt")
        elif version not in one.specifier:
            found.append(f"the pin {one.name}=={version} is outside {one.specifier}")
    found += [f"{n} exists on one platform only" for n in pinned if ONE_PLATFORM_ONLY.match(n)]
    return found + conda_drift(texts) + make_drift(texts)


def conda_drift(texts):
    """environment.yml: Python from conda, all else by pip from the same ranges and pins."""
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    dependencies = yaml.safe_load(texts["environment.yml"])["dependencies"]
    by_conda = [line for line in dependencies if isinstance(line, str)]
    by_pip = [line for part in dependencies if isinstance(part, dict) for line in part["pip"]]
    extras = all_extras(project)
    found = []
    if by_pip != ["-c constraints.txt", f"-e .[{extras}]"]:
        found.append(f"environment.yml installs {by_pip} by pip")
    python = [line.partition("=")[2] for line in by_conda if line.startswith("python=")]
    if len(python) != 1 or python[0] not in Requirement(f"x{project['requires-python']}").specifier:
        found.append(f"environment.yml asks for Python {python}")
    if sorted(line.split("=")[0] for line in by_conda) != ["pip", "python"]:
        found.append(f"environment.yml takes {by_conda} from conda; versions belong to pip's part")
    return found


def make_drift(texts):
    """The Makefile installs with the pins, and finds the Python that pyproject.toml asks for."""
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    found = []
    for line in texts["Makefile"].splitlines():
        if "pip install" in line and "-c constraints.txt" not in line:
            found.append(f"the Makefile installs without the pins: {line}")
    extras = set(re.findall(r'-e "\.\[([\w,]+)\]"', texts["Makefile"]))
    if extras != {"lab", "site", all_extras(project)}:
        found.append(f"the Makefile installs the extras {extras}")
    least = ", ".join(re.findall(r"\d+", project["requires-python"]))
    if f"sys.version_info < ({least})" not in texts["Makefile"]:
        found.append("the Makefile looks for another Python than pyproject.toml asks for")
    return found


def test_files_agree():
    assert drift(read_all()) == []


@pytest.mark.parametrize(
    ("name", "pattern", "replacement"),
    [
        ("pyproject.toml", r'"numpy>=2,<3"', '"numpy>=3,<4"'),
        ("pyproject.toml", r'"tqdm>=', '"requests-futures>=1", "tqdm>='),
        ("pyproject.toml", r'"ruff>=0\.12,<1"', '"ruff>=1"'),
        ("pyproject.toml", r'requires-python = ">=3\.11"', 'requires-python = ">=3.12"'),
        ("pyproject.toml", r"\ntest = \[", '\nmore = ["numpy"]\ntest = ['),
        ("constraints.txt", r"(?m)^captum==.*\n", ""),
        ("constraints.txt", r"(?m)^opencv-python==4.*$", "opencv-python==5.0.0.1"),
        ("constraints.txt", r"\A", "triton==3.5.0\n"),
        ("environment.yml", r"-c constraints\.txt", "numpy==2.3.0"),
        ("environment.yml", r"\[lab,test\]", "[lab]"),
        ("environment.yml", r"python=3\.11", "python=3.10"),
        ("environment.yml", r"  - pip\n", "  - pip\n  - numpy=2.3\n"),
        ("Makefile", r" -c constraints\.txt", ""),
        ("Makefile", r"\[lab,test\]", "[test]"),
        ("Makefile", r"\(3, 11\)", "(3, 10)"),
    ],
)
def test_drift_is_found(name, pattern, replacement):
    texts = read_all()
    doctored, count = re.subn(pattern, replacement, texts[name], count=1)
    assert count == 1
    assert drift({**texts, name: doctored})


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "torch==2.13.0+cpu", "numpy==2.*"])
def test_only_exact_pins_are_pins(line):
    texts = read_all()
    with pytest.raises(AssertionError, match="exact pin"):
        pins({**texts, "constraints.txt": f"{texts['constraints.txt']}\n{line}\n"})


def test_the_environment_at_work_is_the_one_described():
    """A part after "+" names a build of the same version (torch 2.13.0+cpu)."""
    texts = read_all()
    pinned = pins(texts)
    installed = {
        one.name: Version(metadata.version(one.name)).public for one in requirements(texts)
    }
    assert installed == {name: pinned[canonicalize_name(name)] for name in installed}


def test_package_and_metadata_say_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata.version("fer_utils") == fer_utils.__version__ == project["version"]
