# Each target sets up its own environment in .venv, from the exact versions in constraints.txt.
# Start with: make demo

PYTHON ?= python3
BIN := .venv/bin
export TOKENIZERS_PARALLELISM := false
export OMP_WAIT_POLICY := PASSIVE
test test-all test-fast notebooks times: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-fast lint web notebooks editions diagrams slides korean book book-ko pdf epub lab bench bench-gpu check-gpu paintbox measure clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/.run  ## learn a style from one picture and repaint three scenes in it
	$(BIN)/inst demo

paintbox: .venv/.run  ## train Paintbox, or go on where it stopped
	$(BIN)/python -m inst_tutorial.pretraining --work runs/paintbox --out inst_tutorial/paintbox

measure: .venv/.run  ## after new weights: learn the words again and measure everything (hours)
	$(BIN)/python -m inst_tutorial.pretraining --work runs/paintbox --out inst_tutorial/paintbox --stages glance,evaluate
	$(BIN)/python -m inst_tutorial.studies.model_card
	$(BIN)/python -m inst_tutorial.studies.learn_shipped_words
	$(BIN)/python -m inst_tutorial.studies.held_out_pairs --out inst_tutorial/data/held_out_pairs.json
	$(BIN)/python -m inst_tutorial.studies.after_inst --out inst_tutorial/data/after_inst.json
	$(BIN)/python -m inst_tutorial.studies.experiments --out inst_tutorial/data/experiments.json
	$(BIN)/python -m bench.sweep learning
	$(BIN)/python -m bench.sweep transfer
	$(BIN)/python -m bench.sweep names

bench: .venv/.run  ## measure speed and memory beside others; DIFFUSERS=checkout for its script
	$(BIN)/python -m bench.cpu $(if $(DIFFUSERS),--diffusers $(DIFFUSERS))

bench-gpu: .venv/.run  ## measure on a GPU; BUDGET=seconds, DIFFUSERS=checkout for its script
	$(BIN)/python -m bench.gpu --budget $(or $(BUDGET),240) $(if $(DIFFUSERS),--diffusers $(DIFFUSERS))

check-gpu: .venv/.develop  ## run chapters 1, 5, 9 and 10 on a GPU and compare with the book
	$(BIN)/python -m bench.book_on_gpu

test: .venv/.develop  ## run the tests and every notebook
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not nightly"

test-all: .venv/.develop  ## run also those that every night runs: all notebooks as on Colab
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: .venv/.develop  ## run the quick tests only, in about a minute
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not notebook and not browser"

lint: .venv/.develop  ## check style, types and the reading order
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/lint-imports --no-logo --no-cache

web:  ## check style and types of the painter in the browser, and run its unit tests (needs npm)
	npm ci --prefix web --no-fund --no-audit
	npm run check --prefix web

notebooks: .venv/.develop  ## run every notebook and store what it prints
	$(BIN)/python tools/make_notebooks.py

times: .venv/.develop  ## the same, and write how long each took into the page of run times
	$(BIN)/python tools/make_notebooks.py --times

editions: .venv/.develop  ## write plain notebooks and those for courses into _build/notebooks
	$(BIN)/python tools/make_editions.py

diagrams: .venv/.develop  ## draw the diagrams of the book into book/_static/diagrams
	$(BIN)/python tools/make_diagrams.py

slides: .venv/.develop  ## write the slides for a class and a module into _build/slides
	$(BIN)/python tools/make_slides.py

book: .venv/.develop  ## build the pages into _build/html, with those in Korean
	TRANSFORMERS_VERBOSITY=error $(BIN)/jupyter-book build . -W -n --keep-going
	TRANSFORMERS_VERBOSITY=error $(BIN)/python tools/make_korean_book.py

book-ko: .venv/.develop  ## build the Korean pages only, into _build/html/ko
	TRANSFORMERS_VERBOSITY=error $(BIN)/python tools/make_korean_book.py

korean: .venv/.develop  ## bring the Korean translations up to date with the pages
	$(BIN)/python tools/make_korean.py

pdf: book  ## print the pages into _build/inst-tutorial.pdf (needs Chromium)
	$(BIN)/python tools/make_pdf.py

epub: .venv/.develop  ## build the pages as a book for e-readers, into _build/epub
	$(BIN)/jupyter-book build . --builder=custom --custom-builder=epub -W -n --keep-going

lab: .venv/.develop  ## open the book in JupyterLab
	$(BIN)/jupyter lab book

clean:  ## remove what was built; .venv stays
	rm -rf _build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/.run: WANTED := --editable .
.venv/.develop: WANTED := --editable '.[book,course,test,web]' --group dev
.venv/.run .venv/.develop: pyproject.toml constraints.txt
	@echo 'setting up .venv, once: a few minutes and up to 3 GB, or 8 GB if pip takes PyTorch with CUDA'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(WANTED)
	touch $@
