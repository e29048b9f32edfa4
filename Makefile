# Two commands matter: `make lab` to read and run the notebooks, `make test` to check everything.
# Windows without make: README.md has the same steps as plain pip lines.

VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check -c constraints.txt

# Which notebooks `make lab` opens: `student` (student/, without outputs and solutions; what somebody
# worked in is kept) or `teacher` (notebooks/, as they ran).
EDITION ?= student

# The address Jupyter prints leads to the first notebook. As root (a container) it wants to be told
# so; without a screen it must not look for a browser.
LAB_FLAGS := --ServerApp.root_dir="$(CURDIR)" --ServerApp.log_level=WARN \
  --ServerApp.contents_manager_class=scripts.lab.Contents \
  --LabApp.default_url=/lab/tree/$(if $(filter teacher,$(EDITION)),notebooks,student)/00_start_here.ipynb \
  $(if $(filter 0,$(shell id -u)),--allow-root) \
  $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname -s)),,--no-browser)

# JupyterLab does not ask whether one wants its news.
NO_NEWS := $(PY) -m jupyter labextension disable @jupyterlab/apputils-extension:announcements

# How long `make fuzz` goes on: moments at which each long work is killed, from which seed; runs on
# a cluster, and seconds between two deaths of its workers; minutes of random arguments.
export FUZZ_MOMENTS ?= 50
export FUZZ_SEED ?= 0
export FUZZ_RUNS ?= 40
export FUZZ_SECONDS ?= 10
export FUZZ_MINUTES ?= 10

# mypy uses one core: it runs beside the tests, and what it says is printed last.
PYTEST = $(PY) -m pytest -n 2 --dist loadscope --nbval --nbval-current-env tests notebooks $(ARGS)

.PHONY: help lab student tour site slides develop test test-real fuzz notebooks figures clean
.DEFAULT_GOAL := help

help:
	@echo "make lab        install if needed, open JupyterLab (ARGS=\"--ip=0.0.0.0\" inside a container;"
	@echo "                EDITION=teacher for the notebooks with outputs and solutions)"
	@echo "make student    write the notebooks without outputs and solutions to student/; your work is kept"
	@echo "make tour       install if needed, run notebook 00 without a screen: a web page in tour/"
	@echo "make site       install if needed, write the web site to site/: it opens without network and server"
	@echo "make slides     install if needed, write three lectures to slides/, each one page for the browser"
	@echo "make develop    install all that tests need, and run nothing"
	@echo "make test       install if needed, check style and types, run unit tests and every notebook, compared"
	@echo "make test-real  every notebook on FER2013 and FERPlus, where you have them (NB=05 for one, UPDATE=1 to store)"
	@echo "make fuzz       minutes more: work killed at many moments, a cluster whose workers die, memory, random arguments"
	@echo "make notebooks  rebuild the notebooks whose source changed (ARGS=--force for all, ARGS=03 for one)"
	@echo "make figures    redraw figures/"
	@echo "make clean      remove $(VENV) and everything built"

lab: $(VENV)/lab.stamp
	$(if $(filter teacher,$(EDITION)),,@$(PY) -m scripts.student --quiet)
	$(PY) -m jupyterlab $(LAB_FLAGS) $(ARGS)

student: $(VENV)/lab.stamp
	$(PY) -m scripts.student $(ARGS)

tour: $(VENV)/lab.stamp
	$(PY) -m scripts.notebooks --execute-only --out tour $(ARGS) 00

site: $(VENV)/site.stamp
	$(PY) -m scripts.site $(ARGS)

slides: $(VENV)/site.stamp
	$(PY) -m scripts.slides $(ARGS)

develop: $(VENV)/test.stamp

test: $(VENV)/test.stamp
	$(PY) -m ruff check .
	@$(PY) -m mypy >$(VENV)/types.txt 2>&1 & types=$$!; \
	echo "$(PYTEST)"; $(PYTEST); tests=$$?; \
	wait $$types; types=$$?; \
	echo "mypy: $$(cat $(VENV)/types.txt)"; \
	exit $$((tests | types))

test-real: $(VENV)/test.stamp
	$(PY) -m scripts.real_faces $(if $(UPDATE),--update) $(ARGS) $(NB)

fuzz: $(VENV)/test.stamp
	$(PY) -m pytest -s -m fuzz tests $(ARGS)

notebooks: $(VENV)/test.stamp
	$(PY) -m scripts.notebooks $(ARGS)

figures: $(VENV)/test.stamp
	$(PY) scripts/figures.py $(ARGS)

clean:
	rm -rf $(VENV) tour site slides build dist *.egg-info

# The first Python that answers and is new enough; PYTHON=... chooses one.
$(PY):
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    $$python -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "Python could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; \
	    exit 1; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer was found. Install one (https://www.python.org/downloads),"; \
	echo "or name it: make lab PYTHON=/path/to/python3"; \
	exit 1

$(VENV)/lab.stamp: pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV): some minutes the first time (about 2 GB; more where torch brings CUDA)"
	$(PIP) -e ".[lab]"
	$(NO_NEWS)
	@touch $@

$(VENV)/site.stamp: pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV): some minutes the first time (about 2 GB; more where torch brings CUDA)"
	$(PIP) -e ".[site]"
	@touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV): some minutes the first time (about 2 GB; more where torch brings CUDA)"
	$(PIP) -e ".[lab,test]"
	$(NO_NEWS)
	@touch $(VENV)/lab.stamp $(VENV)/site.stamp $@
