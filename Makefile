VENV := .venv
PY := $(VENV)/bin/python
.PHONY: setup
setup: $(VENV)/.ready
$(VENV)/.ready: pyproject.toml
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -e . --group dev
	touch $@
