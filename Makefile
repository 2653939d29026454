# Reprise: every task of the project. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# dvc is found on PATH by its own subprocesses; stages run with the same interpreter.
export PATH := $(abspath $(BIN)):$(PATH)
export PYTHONDONTWRITEBYTECODE ?=
export DVC_NO_ANALYTICS := 1

# What continuous integration runs, in this order; .github/workflows/ci.yml and .gitlab-ci.yml say the same (a test compares).
CI := env lint gate bar test verify repro report plots summary

.PHONY: help env repro report recipes bar show test lint gate verify plots summary ci proof bench bench-models deps wheel lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: ## create or refresh .venv from requirements.lock
	@$(PYTHON) tools/environment.py $(VENV)

repro: env ## environment, then the main pipeline (dvc repro)
	@$(BIN)/dvc repro
	@$(BIN)/reprise inspect
	@$(BIN)/reprise bar main

report: env ## one page on the main pipeline's model and its results: report.html
	@$(BIN)/reprise report

recipes: env ## reproduce the exercises in recipes/ and check their accuracy bars
	@cd recipes && dvc repro
	@$(BIN)/reprise bar

show: env ## experiments by their main figures and what was changed; more options: make show SHOW="--sort-by test.accuracy"
	@$(BIN)/dvc exp show --only-changed --no-pager $(SHOW) \
	  --drop '.*\.(.*_low|.*_high|brier|calibration_error|.*_auc|balanced_accuracy|macro_f1|mse|median_absolute_error)$$|(baselines|rows|data|models|own|reprise|stages|Executor)'

bar: env ## fail when a test metric misses the bar in its parameters
	@$(BIN)/reprise bar

test: lint ## lint, then the test suite (under 15 minutes on 2 cores)
	@$(BIN)/python -m pytest -m "not proof" --numprocesses auto --maxprocesses 4 --dist loadfile

lint: env ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python tools/stage_dependencies.py --check

gate: env ## cheap: are the committed locks those of this code, these parameters and results?
	@$(BIN)/reprise verify --dry

verify: env ## run every committed pipeline (or ONLY="main iris") again in a clean clone and compare all bytes
	@$(BIN)/reprise verify $(ONLY)

plots: env ## the plots as a page, build/plots/index.html, over those of BASE=commit if one is given
	@mkdir -p build
	@$(BIN)/dvc plots $(if $(BASE),diff $(BASE),show) --out build/plots

summary: env ## print results as Markdown, beside those of BASE=commit if one is given
	@$(BIN)/reprise summary $(BASE)

ci: ## all that continuous integration runs, one after another
	@for step in $(CI); do echo "== make $$step"; $(MAKE) --no-print-directory $$step || exit; done

proof: env ## the long proofs of the byte contract (about an hour)
	@$(BIN)/python -m pytest -m proof tests

bench: env ## measure the speed claims side by side
	@$(BIN)/python benchmarks/training_speed.py
	@$(BIN)/python benchmarks/pipeline.py

bench-models: env ## the default models for tables beside scikit-learn's, on many tables
	@$(BIN)/python benchmarks/models.py

deps: env ## bring what is written from code up to date: dependencies, schema, README's table
	@$(BIN)/python tools/stage_dependencies.py
	@$(BIN)/python tools/recipe_table.py
	@$(BIN)/python -c "from reprise.settings.params_file import schema_text; print(schema_text(), end='')" >params.schema.json
	@$(BIN)/python -c "from reprise.tuning.space_file import schema_text; print(schema_text(), end='')" >tune.schema.json

wheel: env ## an installable package with the compiled kernels, in dist/
	@$(BIN)/python -m hatchling build -t wheel

lock: env ## resolve pyproject.toml into requirements.lock again
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url \
	  --no-annotate --extra dev pyproject.toml -o requirements.lock
