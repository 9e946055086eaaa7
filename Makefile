# The two commands of the README; everything else is in CONTRIBUTING.md.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python

.PHONY: demo test dev providers lowest-providers otelcol clean

demo: $(VENV)/.demo
	@$(PY) examples/01_quickstart.py

test: $(VENV)/.test
	@$(PY) -m pytest -n 2 $(PYTEST_ARGS)

dev: $(VENV)/.dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[cost,cli]" openai
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.test

# The clients of many providers, newest and then oldest, in one environment of their own.
PROVIDERS = $(VENV)-providers

providers: $(PROVIDERS)/.newest
	$(PROVIDERS)/bin/python -m pytest -m providers -n 2 $(PYTEST_ARGS)

lowest-providers: $(PROVIDERS)/.lowest
	$(PROVIDERS)/bin/python -m pytest -m providers -n 2 -k 'not 100_at_once' $(PYTEST_ARGS)

$(PROVIDERS)/bin/python:
	$(PYTHON) -m venv $(PROVIDERS)

$(PROVIDERS)/.newest: $(PROVIDERS)/bin/python pyproject.toml
	$(PROVIDERS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade -e ".[providers]"
	@rm -f $(PROVIDERS)/.lowest
	@touch $@

$(PROVIDERS)/.lowest: $(PROVIDERS)/.newest tests/lowest-providers.txt
	$(PROVIDERS)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/lowest-providers.txt
	@touch $@ && touch -d @0 $(PROVIDERS)/.newest

# The official OpenTelemetry Collector with the components of collector-config/, kept outside the tree. Takes some minutes.
OTELCOL_VERSION = 0.160.0
CACHE  ?= $(or $(AGENTOPS_TEST_CACHE),$(HOME)/.cache/agentops-otel-tests)
OTELCOL = $(CACHE)/otelcol-$(OTELCOL_VERSION)/otelcol

otelcol: $(OTELCOL)
	@echo $(OTELCOL)

$(OTELCOL): collector-config/builder.yaml
	mkdir -p $(CACHE)
	cd $(CACHE) && go run go.opentelemetry.io/collector/cmd/builder@v$(OTELCOL_VERSION) --config $(CURDIR)/$<
	@touch $@

clean:
	rm -rf $(VENV) $(PROVIDERS) dist build
