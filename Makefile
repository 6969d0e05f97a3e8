# The verbs of this project. CONTRIBUTING.md says when to use which.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := builder/requirements.txt
DEVELOPMENT := tests/requirements.txt
BACKENDS := builder/backends.txt
CLIENTS := tests/clients.txt

# Nothing is left behind outside the checkout: the caches of pip, uv and Shipwheel are in it, too.
export XDG_CACHE_HOME := $(CURDIR)/$(VENV)/cache
export PIP_CACHE_DIR := $(XDG_CACHE_HOME)/pip
export UV_CACHE_DIR := $(XDG_CACHE_HOME)/uv

# Whatever the machine is set to, what one process has compiled the others need not.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
UNIT = $(PYTEST) tests/unit -n 2
INTEGRATION = $(PYTEST) tests/integration -n 3

.PHONY: demo test test-exhaustive unit integration image-test lint format lock schema api docs picture benchmark equality live clean

demo: $(VENV)/runtime  ## run the whole pipeline on the sample repository, without Google Cloud
	$(BIN)/python tests/example/demo.py

test: $(VENV)/development  ## every behaviour once
	$(UNIT) -m "not exhaustive"
	$(INTEGRATION) -m "not exhaustive"

test-exhaustive: $(VENV)/development  ## what `make test` leaves out: every kill, every fault with every command
	$(UNIT) -m "exhaustive or hypothesis" --hypothesis-profile=exhaustive
	$(INTEGRATION) -m exhaustive

unit: $(VENV)/development  ## the tests that open no socket
	$(UNIT) -m "not exhaustive"

integration: $(VENV)/development  ## real build, twine, pip and the emulator
	$(INTEGRATION) -m "not exhaustive"

image-test: $(VENV)/development  ## the image, in a real Docker engine; root on Debian can start one
	$(BIN)/python -m pytest tests/image

lint: $(VENV)/development  ## ruff, mypy strict, the floors, shellcheck, the output in the documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck .ci/run builder/*.sh tests/*/*.sh
	$(BIN)/python -m tests.documentation --check

format: $(VENV)/development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/development  ## refresh the hash-locked requirements
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --group install pyproject.toml --output-file $(RUNTIME)
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  --constraint $(RUNTIME) --group dev pyproject.toml --output-file $(DEVELOPMENT)
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  builder/backends.in --output-file $(BACKENDS)
	$(BIN)/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	  tests/clients.in --output-file $(CLIENTS)

schema: $(VENV)/development  ## write the manifest's JSON Schema anew from the code
	$(BIN)/python -c 'from triggers.manifest.manifest import manifest_schema; print(manifest_schema())' \
	  > triggers/shipwheel.schema.json

api: $(VENV)/development  ## write the fields of Cloud Build's messages anew, from Google's types and gcloud
	$(BIN)/python -m tests.api

docs: $(VENV)/development  ## write the reference, and the output that the documents show, anew
	$(BIN)/python -m tests.documentation

picture: $(VENV)/development  ## take the picture of the status page anew, with Chromium
	$(BIN)/python -m tests.documentation.picture

benchmark: $(VENV)/development  ## measure Shipwheel beside its peers; takes a quarter of an hour
	$(BIN)/python -m tests.benchmark.run --plot tests/benchmark/benchmark.svg

equality: $(VENV)/development  ## publish seventy real projects twice, and compare with `python -m build`
	$(BIN)/python -m tests.benchmark.equality

live: $(VENV)/development  ## ask Google Cloud itself: PROJECT= REGION= [TRIGGER= BRANCH= FUNCTION=1 RECORD=]
	$(BIN)/python -m tests.live --project "$(PROJECT)" --region "$(REGION)" \
	  $(if $(TRIGGER),--trigger "$(TRIGGER)") $(if $(BRANCH),--branch "$(BRANCH)") \
	  $(if $(FUNCTION),--function) $(if $(RECORD),--record "$(RECORD)")

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Shipwheel needs Python 3.11 or newer; name one: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: $(RUNTIME) pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(RUNTIME)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/development: $(DEVELOPMENT) $(VENV)/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(DEVELOPMENT)
	@touch $@
