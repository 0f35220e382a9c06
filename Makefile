# Set-up, demo, tests. Every target sets up what it needs; nothing is installed outside .venv and .assets.
PYTHON ?= python3
BIN := .venv/bin
LIGHT := parquet,inspect,embeddings,gguf,prices,serve,keeping
EXTRAS := $(LIGHT),languages,translation,speech,images,generation,transformers,lora,torch,backbone,recommendation,diffusion,optuna,ensembles,onnx,prompting,automl,postgres,drift
# Installed first, so that nothing brings another build.
TORCH := torch==2.13.0

.PHONY: help demo improve examples test lint assets simulate bench peers clean

help:
	@echo "make demo      the main job on a real task: sentiment of customer text in four domains"
	@echo "make improve   the same task, to find better and cheaper candidates than it was given"
	@echo "make examples  a worked example of each kind of task, on real data"
	@echo "make test      the tests"
	@echo "make lint      formatter, linter, types, layers, dependencies"
	@echo "make simulate  the long simulations that hold the statistics, kept in benchmarks/results"
	@echo "make bench     every measurement, kept in benchmarks/results"
	@echo "make peers     installs other tools under .peers, for the benchmarks that stand Merits beside them"

demo: assets
	HF_HUB_OFFLINE=1 $(BIN)/merits run demo/sentiment.yaml

improve: assets .venv/.everything
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/merits improve demo/improve.yaml --budget "10 min"

examples: assets .venv/.everything
	HF_HUB_OFFLINE=1 $(BIN)/python -m examples all

# Models that cannot be fetched leave their tests skipped, each with its reason.
test: assets .venv/.everything
	-$(BIN)/python -m examples all --fetch
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/pytest -n auto --maxprocesses=4 --dist loadfile

lint: .venv/.everything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

simulate: .venv/.everything
	$(BIN)/python -m benchmarks simulations

bench: assets .venv/.everything
	$(BIN)/python -m pip install -q $(TORCH) --group bench
	for name in install startup decide main-job demo race cascades limits faults resume calls embed trials compress distil augment gateway soak live stream; do $(BIN)/python -m benchmarks $$name --keep || exit 1; done

peers: .venv/.installed
	$(BIN)/python -m benchmarks._peers install .peers

assets: .venv/.installed
	$(BIN)/python -m demo.fetch_assets

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Merits needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q -e ".[$(LIGHT)]" --group demo
	@touch $@

.venv/.everything: .venv/.installed
	$(BIN)/python -m pip install -q $(TORCH)
	$(BIN)/python -m pip install -q $(TORCH) -e ".[$(EXTRAS)]" --group test --group demo
	@touch $@

clean:
	rm -rf .venv .assets .peers demo/data .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
