# On a fresh machine with Python 3.11 to 3.13: `make run` serves the page, `make test` runs every test; `make run SHARE=1`
# serves it to the whole world.
HOST ?= localhost
PORT ?= 8501
SHARE ?=
PYTHON := .venv/bin/python
SHARED := $(filter 1 yes,$(SHARE))
ifneq ($(filter-out 0 1 no yes,$(SHARE)),)
$(error SHARE=$(SHARE) is neither 1 nor 0: make run SHARE=1 serves the page to the whole world)
endif

.PHONY: run test coverage lint audit bench screenshots translations tables requirements

run:
	@scripts/setup.sh $(if $(SHARED),share,run)
	@exec $(if $(SHARED),env VITRINE_SHARE=1 )$(PYTHON) -m streamlit run dashboard/app.py --server.address '$(HOST)' --server.port '$(PORT)' $(if $(SHARED),--server.maxUploadSize 20)

test:
	@scripts/setup.sh test
	@$(PYTHON) -m pytest -n 2 --dist loadfile $(ARGS)

coverage:
	@scripts/setup.sh test
	@scripts/coverage.sh $(ARGS)

lint:
	@scripts/setup.sh test
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

audit:
	@scripts/setup.sh test
	@scripts/audit.sh

bench:
	@scripts/setup.sh test
	@scripts/peers.sh
	@$(PYTHON) -m benchmarks.results

screenshots:
	@scripts/setup.sh test
	@$(PYTHON) -m benchmarks.screenshots

# Brings the catalogues up to date with the sentences in the code; new ones wait there for a translator.
CATALOGUE := model/i18n/locale/pt/LC_MESSAGES/vitrine.po
translations:
	@scripts/setup.sh test && mkdir -p .vitrine
	@$(PYTHON) -m babel.messages.frontend extract -F babel.cfg -k _ -k marked --no-location --sort-output --omit-header -w 120 -o .vitrine/vitrine.pot .
	@sed '/^$$/q' $(CATALOGUE) > .vitrine/head.po  # Babel would fill it with fields that nobody keeps
	@$(PYTHON) -m babel.messages.frontend update -N -l pt -i .vitrine/vitrine.pot -o $(CATALOGUE) --ignore-obsolete --omit-header -w 120
	@cat .vitrine/head.po $(CATALOGUE) > .vitrine/whole.po && mv .vitrine/whole.po $(CATALOGUE)

# Writes the tables of settings in the documents, in both languages, from the code.
tables:
	@scripts/setup.sh test
	@$(PYTHON) -m tests.settings_tables

# Pins every package, the indirect ones too, for every system; the project itself comes last.
requirements:
	@test -x .venv/bin/uv || scripts/setup.sh test
	@$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra keras --extra page --extra scale pyproject.toml -o requirements.txt
	@$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	@$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --extra share -c requirements.txt pyproject.toml -o requirements-share.txt
	@echo '-e .' >> requirements.txt
