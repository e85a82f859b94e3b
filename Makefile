# The two commands are `make run` and `make test`; both set up what they need, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := docker/locks
STAMP := $(VENV)/.installed
TESTS ?= tests
# The images' base: the public one, or whatever BASE names, by tag or by digest.
BASE ?= python:3.11-slim

.PHONY: help run test setup lint lock manifests dashboards golden images images-push test-containers \
	cluster-up cluster-down test-cluster \
	bench bench-data bench-serve bench-soak bench-monitor test-kills demo-drift clean

help: ## Show the commands.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

run: setup ## Run the whole loop on scikit-learn's breast-cancer data.
	$(BIN)/kubeloop run pipelines/specs/breast-cancer.yaml

test: setup ## Run the tests.
	$(BIN)/pytest $(TESTS)

setup: $(STAMP) ## Make .venv and install the lock into it, once.

# The stamp is newer than the lock and the project's own metadata once both are installed.
$(STAMP): $(LOCKS)/installer.txt $(LOCKS)/development.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Kubeloop needs Python 3.11, 3.12 or 3.13, this is %d.%d: set PYTHON=python3.x and remove .venv" % v)'
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --require-hashes -r $(LOCKS)/installer.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/development.txt \
		--build-constraints $(LOCKS)/installer.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(STAMP)

lint: setup ## Check style, types and the arrows between packages.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One universal lock for development holds everything; the images' locks are parts of it. What
# installs them has a lock too: uv, and the setuptools that builds a library published as source.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header
lock: setup ## Resolve the pins again and write docker/locks/.
	printf '%s\n' 'uv>=0.13,<0.14' 'setuptools>=84,<85' | \
		$(COMPILE) - --output-file $(LOCKS)/installer.txt --no-annotate
	$(COMPILE) pyproject.toml --all-extras --group development --output-file $(LOCKS)/development.txt
	for image in pipeline serve serve-skops monitor; do \
		$(COMPILE) pyproject.toml $$(echo "-$$image" | sed 's/-/ --extra /g') \
			--constraint $(LOCKS)/development.txt --no-annotate \
			--output-file $(LOCKS)/$$image.txt || exit 1; \
	done

manifests: setup ## Test the manifests and print what they ask for (needs kubectl and promtool).
	$(BIN)/pytest -n 0 -rP tests/manifests

dashboards: setup ## Build the Grafana dashboards again.
	$(BIN)/python manifests/base/monitoring/dashboards/build.py

golden: setup ## Write the golden IR again, after a change that is meant.
	$(BIN)/pytest tests/pipelines/test_golden.py --update-golden

images: ## Build the images for this machine's Docker and print their sizes (BASE=IMAGE:TAG).
	BASE='$(BASE)' PYTHON='$(PYTHON)' docker/images.sh build

images-push: ## Push the images that were built to REGISTRY=HOST[:PORT][/PATH].
	PYTHON='$(PYTHON)' docker/images.sh push '$(REGISTRY)'

test-containers: setup images ## Test the images: train, serve and watch in containers (needs Docker).
	$(BIN)/pytest tests/containers --docker -n 0

cluster-up: setup ## Make a local cluster with everything in it; again is safe (needs Docker, kind, kubectl).
	$(BIN)/python -m pipelines.cluster up

cluster-down: setup ## Delete the local cluster with all that it holds.
	$(BIN)/python -m pipelines.cluster down

# One step of it, by the name that `.venv/bin/python -m pipelines.cluster steps` lists.
cluster-%: setup
	$(BIN)/python -m pipelines.cluster up $*

test-cluster: setup ## Test on the cluster that KUBECONFIG names, in namespaces of its own (an hour).
	$(BIN)/pytest tests/cluster --cluster -n 0

bench: setup ## Print the benchmarks' tables.
	for bench in loop scores; do $(BIN)/python tests/benchmarks/bench_$$bench.py || exit 1; done

bench-data: setup ## Print seconds and memory of 1, 4 and 10 million rows (20 minutes, 7 GiB of disk).
	$(BIN)/python tests/benchmarks/bench_data.py

bench-serve: setup ## Time our model server beside others (20 minutes; needs wrk).
	$(BIN)/python tests/benchmarks/bench_serve.py

bench-monitor: setup ## Time the monitor: acknowledged events, drift, rows to the alert (25 minutes; wrk).
	$(BIN)/python tests/benchmarks/bench_monitor.py

test-kills: setup ## Kill the monitor 100 times under load, on SQLite and PostgreSQL (5 minutes).
	KUBELOOP_KILLS=100 $(BIN)/pytest -n 0 -rP tests/services/test_monitor_kills.py

demo-drift: setup ## Change the world and watch the loop close (5 minutes).
	$(BIN)/python -m pipelines.demonstration

bench-soak: setup ## Send 200,000 requests and watch the server's memory (3 minutes; needs wrk).
	$(BIN)/python tests/benchmarks/bench_soak.py

clean: ## Remove .venv and caches; the state folder stays.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
