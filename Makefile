# Each target sets up what it needs in .venv. `make help` lists them.

PYTHON ?= python3
JOBS   ?= $(shell n=$$(nproc 2>/dev/null || echo 2); if [ $$n -gt 2 ]; then echo $$n; else echo 2; fi)
# there is a process for each core: threads within them would only wait for one another
ALONE  := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
VENV   := .venv
STAMP  := $(VENV)/.installed
RUN    := $(VENV)/bin/python

# A venv whose interpreter no longer starts (the system's Python was replaced) is made again.
ifneq ($(shell $(RUN) -c 'print("usable")' 2>/dev/null),usable)
.PHONY: $(STAMP)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test lint golden accuracy docs examples bench fuzz clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

demo: $(STAMP)  ## train, print and draw an example model
	@$(RUN) -m symgrad demo

test: $(STAMP)  ## run the whole suite, doctests included
	@$(ALONE) $(RUN) -m pytest -q -n $(JOBS)

lint: $(STAMP)  ## ruff and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

golden: $(STAMP)  ## renew the golden files; read the diff before you commit it
	@$(RUN) -m tests.golden.renew

accuracy: $(STAMP)  ## errors against mpmath, beside the frameworks that .venv has ('.[bench]')
	@$(RUN) -m tests.accuracy

docs: $(STAMP)  ## renew docs/ops.md and what the code in the documents prints
	@$(RUN) -m tests.documents.ops
	@$(RUN) -m tests.examples.documents

examples: $(STAMP)  ## run the examples in full, and record what they print in docs/
	@$(RUN) -m tests.examples.record

bench: $(STAMP)  ## run the benchmarks, tests/benchmarks/bench_*.py
	@$(RUN) -m pytest -q -s -o python_files='bench_*.py' tests/benchmarks

fuzz: $(STAMP)  ## run the property tests with fresh seeds and many more examples
	@$(ALONE) $(RUN) -m pytest -q -n $(JOBS) -m hypothesis --hypothesis-profile=fuzz tests

clean:  ## remove the environment, caches and build outputs
	@rm -rf $(VENV) $(VENV).lock .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks \
	    build dist docs/_build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp bears the time at which the installation began and appears only when it has ended well.
# A second make in the same checkout waits for the lock (where flock exists) and finds the work done.
$(STAMP): pyproject.toml
	@fail() { echo "symgrad: $$1" >&2; exit 1; }; \
	usable() { $(RUN) -m pip --version >/dev/null 2>&1; }; \
	command -v $(PYTHON) >/dev/null || \
	    fail "$(PYTHON) not found: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    fail "Python 3.11 or newer is needed, and $(PYTHON) is older: set PYTHON=/path/to/python3.11"; \
	exec 9>$(VENV).lock; if command -v flock >/dev/null; then flock 9; fi; \
	if usable && [ -e $@ ] && [ -z "$$(find pyproject.toml -newer $@)" ]; then exit 0; fi; \
	if ! usable; then \
	    rm -rf $(VENV); \
	    { $(PYTHON) -m venv $(VENV) && usable; } >/dev/null 2>&1 || \
	    { rm -rf $(VENV); $(PYTHON) -m virtualenv $(VENV) && usable; } >/dev/null 2>&1 || \
	    { rm -rf $(VENV); virtualenv -p $(PYTHON) $(VENV) && usable; } >/dev/null 2>&1 || \
	    { rm -rf $(VENV); \
	      fail "no virtual environment can be made: install python3-venv (Debian: apt-get install python3-venv)"; }; \
	fi; \
	echo "setting up $(VENV) ..."; \
	rm -f $@; touch $@.new && \
	$(RUN) -m pip install -q --disable-pip-version-check -e '.[test,examples]' && \
	mv $@.new $@
