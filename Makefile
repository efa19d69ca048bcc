# Whatever a person or CI does with this repository starts here. Every target brings what it needs.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

UV := .ci/uv
BIN := $(or $(UV_PROJECT_ENVIRONMENT),.venv)/bin
# More arguments for the program behind a target: make demo ARGS=--keep, make test ARGS="-k quota"
ARGS ?=
# What `make test-live` and `make test-slow` run again for when it changed.
LIVE_DEPENDS_ON := bench crds helm local operator tests docs/examples pyproject.toml uv.lock \
  Dockerfile
# What decides whether an image that is built again is the same: how it is built, not what of.
IMAGES_TEST := tests/node/test_images.py
IMAGES_DEPEND_ON := Dockerfile local pyproject.toml uv.lock $(IMAGES_TEST)
# How many processes share the tests, each with a cluster of its own; 0: this one alone. Without
# the operator's processes a third one fills the time in which the others wait for a store.
WORKERS ?= 3
LIVE_WORKERS ?= 2
# Which of how many shares of the slow tests `make test-slow` runs: 0/1 is all of them, 2/3 the last
# of three.
SHARE ?= 0/1

# Tests start hundreds of processes of Python: where the machine says that modules are not to be
# kept compiled, each of them would compile every library again.
unexport PYTHONDONTWRITEBYTECODE

say = @echo '==> $(1)'

.PHONY: help
help: ## Show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	  while IFS=$$'\t' read -r target words; do printf '  make %-14s %s\n' "$$target" "$$words"; done

.PHONY: environment
environment: ## Bring the libraries into .venv, exactly as uv.lock names them
	@$(UV) --version >/dev/null
	@$(UV) sync --locked --check --quiet 2>/dev/null || { \
	  echo "==> uv sync: bringing the libraries that uv.lock names, the first time about a minute"; \
	  $(UV) sync --locked 2>&1 | sed -u '/^ [-+~] /d'; }

.PHONY: packages
packages: environment ## As root on Debian and its kin: install what nodes need
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  $(BIN)/glovebox local packages || echo "==> What needs a node will be left out, and say so"; \
	  else echo "==> Not root, or no apt-get: what this machine lacks for a node is left out"; fi

.PHONY: programs
programs: packages ## Build Kubernetes, etcd and Helm into the user's cache, once
	$(call say,glovebox local build: the programs of the local cluster)
	@$(BIN)/glovebox local build

# In containers a node needs nothing of this machine.
NODE_NEEDS := $(if $(findstring kind,$(ARGS)),environment,packages)

.PHONY: demo
demo: $(NODE_NEEDS) ## Show it all, on a real cluster with real data (ARGS=--keep leaves it running)
	@$(BIN)/glovebox demo $(ARGS)

.PHONY: down
down: environment ## End what `make demo ARGS=--keep` left running
	@$(BIN)/glovebox demo --end $(ARGS)

.PHONY: lint
lint: environment ## Check format, style, types, layers and generated files
	$(call say,ruff format: is everything formatted?)
	@$(BIN)/ruff format --check
	$(call say,ruff check: style and known mistakes)
	@$(BIN)/ruff check
	$(call say,mypy: types)
	@$(BIN)/mypy
	$(call say,lint-imports: does every package import only what it may?)
	@$(BIN)/lint-imports --no-cache --no-logo
	$(call say,crd_export and reference_docs: do CRDs and reference fit the models?)
	@$(BIN)/python -m glovebox.api.crd_export --check
	@$(BIN)/python -m glovebox.api.reference_docs --check
	@$(BIN)/python -m glovebox.api.condition_docs --check
	@$(BIN)/python -m glovebox.metrics.reference_docs --check
	@$(BIN)/python -m glovebox.metrics.dashboard_files --check
	@$(BIN)/python -m glovebox.metrics.rule_files --check
	@$(BIN)/python docs/img/draw.py --check

PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder --durations 20
# To read 9,000 tests takes a process a quarter of a minute: what a target never runs is left out.
LIVE_TESTS := tests/cluster/operator tests/cluster/demo tests/node
OTHER_TESTS := tests/unit tests/simulation tests/golden tests/stores tests/ecosystem tests/browser \
  $(filter-out $(LIVE_TESTS),$(patsubst %/,%,$(wildcard tests/cluster/*/)))
# Of slow tests likewise: the files that have some.
SLOW_TESTS = $(sort $(shell grep -rl 'mark\.slow' tests --include='test_*.py'))
without = $(addprefix --ignore=,$(1))

.PHONY: test
test: lint programs ## Lint, types, simulation, and all that needs a real API server or store
	$(call say,pytest: everything but what is live or slow)
	@$(PYTEST) -n $(WORKERS) -m "not live and not slow and not stores and not ecosystem" \
	  $(call without,$(LIVE_TESTS) tests/stores tests/ecosystem tests/browser) $(ARGS)

.PHONY: test-live
test-live: programs ## The operator as a process, beside real servers and on a real node
	$(call say,pytest: the operator as a process; nodes)
	@$(if $(ARGS),,.ci/once live $(LIVE_DEPENDS_ON) --) \
	  $(PYTEST) -n $(LIVE_WORKERS) -m "live and not slow and not stores and not ecosystem" \
	  $(call without,$(OTHER_TESTS)) $(ARGS)

.PHONY: test-slow
test-slow: export GLOVEBOX_SLOW_SHARE = $(SHARE)
test-slow: programs ## The tests that take minutes each (SHARE=0/6: the first sixth of them)
	$(call say,pytest: what takes minutes)
	@$(if $(ARGS),:,GLOVEBOX_SLOW_SHARE= .ci/once images $(IMAGES_DEPEND_ON) -- \
	  $(PYTEST) -n 0 -m slow $(IMAGES_TEST))
	@$(if $(ARGS),,.ci/once slow-$(subst /,of,$(SHARE)) $(LIVE_DEPENDS_ON) --) \
	  $(PYTEST) -n $(LIVE_WORKERS) -m "slow and not stores and not ecosystem" \
	  $(or $(ARGS),$(filter-out $(IMAGES_TEST),$(SLOW_TESTS)))

.PHONY: test-stores
test-stores: environment ## The same questions to SeaweedFS, MinIO, Ceph, versitygw and a front
	$(call say,pytest: other stores (MinIO and cosign take minutes to build: once))
	@$(BIN)/pytest tests/stores -m stores $(ARGS)

.PHONY: test-ecosystem
test-ecosystem: environment ## Flux, Argo CD, JobSet, Kueue, traces, Grafana; not in CI
	$(call say,pytest: Flux, Argo CD, JobSet, Kueue, traces; they take minutes to build the first time)
	@$(BIN)/pytest tests/ecosystem -m ecosystem $(ARGS)

.PHONY: chromium
chromium: environment ## As root on Debian and its kin: install Chromium, where there is none
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { echo "==> apt-get install chromium, once"; apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium \
	      fonts-dejavu-core >/dev/null; }; } || { echo "Install Chromium first" >&2; exit 1; }

.PHONY: test-browser
test-browser: chromium ## The pages of `glovebox ui` in Chromium, driven by Playwright; not in CI
	$(call say,pytest: pages in a browser)
	@$(UV) run --quiet --isolated --locked --extra cli --group browser \
	  pytest tests/browser -m browser $(ARGS)

.PHONY: test-only
test-only: environment ## Some tests without lint: make test-only ARGS="tests/unit -k quota"
	@$(BIN)/pytest $(ARGS)

.PHONY: simulate
simulate: environment ## The operator under seeded faults (SEEDS=..., GLOVEBOX_SEED=...)
	@$(BIN)/python tests/simulation/simulate.py --seeds $(or $(SEEDS),10000) $(ARGS)

.PHONY: plant
plant: environment ## Plant a bug of each class and see by which seed the simulation finds it
	@$(BIN)/python tests/simulation/planted/plant.py $(ARGS)

.PHONY: mutate
mutate: programs ## Take every door (guards, CEL rules, phases) away in turn: does a test notice?
	@cd tests && $(abspath $(BIN))/python -m mutation $(ARGS)

.PHONY: bare-test
bare-test: ## What CI runs, in a minimal root file system (root; ARGS="make lint", KEEP_CACHES=1)
	@.ci/bare $(ARGS)

.PHONY: bench
bench: programs ## Measure provisioning, repair and restart; print the table
	$(call say,bench/provision: minutes on an idle machine)
	@$(BIN)/python bench/provision.py $(ARGS)

.PHONY: bench-data
bench-data: programs ## Measure what is done with data, against other ways (ARGS="--only rows")
	$(call say,bench/data: minutes on an idle machine)
	@$(UV) run --quiet --isolated --locked --group bench python -m bench.data $(ARGS)

SITE := .glovebox/site

.PHONY: site
site: ## The documentation as a site, with search (ARGS="-D repository_url=https://...")
	$(call say,sphinx-build: the pages as a site in $(SITE))
	@$(UV) run --quiet --isolated --locked --only-group site sphinx-build --quiet --fail-on-warning \
	  --builder html --conf-dir docs/site . $(SITE) $(ARGS)
	@echo "Open $(SITE)/index.html"

SBOM := .glovebox/glovebox.cdx.json

.PHONY: sbom
sbom: ## What libraries the image holds, as CycloneDX (SBOM=FILE), from uv.lock
	@mkdir -p $(dir $(SBOM))
	@$(UV) export --quiet --frozen --preview-features sbom-export --format cyclonedx1.5 \
	  --package glovebox --extra tables --extra traces --no-default-groups --output-file $(SBOM) \
	  >/dev/null
	@echo "Written: $(SBOM)"

# What a release is called and where it goes; PYTHON_IMAGE and UV_IMAGE are its bases, by digest.
# These two, and TAG, are read from the environment by the shell: put into a line of it by make,
# what others called something would be a command.
VERSION := $(shell sed -n 's/^version: //p' helm/glovebox/Chart.yaml)
REGISTRY := ghcr.io/glovebox-dev
DIST := .glovebox/dist
DOCKER := docker
HELM := helm
COSIGN := cosign
GH := gh

.PHONY: release-check
release-check: ## Is TAG the version of the chart, and has the change log a heading for it?
	@[[ "$${TAG-}" == "v$(VERSION)" ]] || { \
	  printf '%q is the tag, and %s\n' "$${TAG-}" \
	    "helm/glovebox/Chart.yaml has $(VERSION)" >&2; exit 1; }
	@[[ "$$(sed -n 's/^appVersion: //p' helm/glovebox/Chart.yaml)" == '"$(VERSION)"' ]] || { \
	  echo "helm/glovebox/Chart.yaml: appVersion is not $(VERSION)" >&2; exit 1; }
	@grep -qE '^## \[?$(subst .,\.,$(VERSION))\b' CHANGELOG.md || { \
	  echo "CHANGELOG.md has no heading for $(VERSION)" >&2; exit 1; }

.PHONY: release-image
release-image: ## Build the image for both architectures, push it, keep its digest
	@for base in "$${PYTHON_IMAGE-}" "$${UV_IMAGE-}"; do [[ "$$base" == *@sha256:* ]] || { \
	  echo "PYTHON_IMAGE and UV_IMAGE have to name their images by digest" >&2; exit 1; }; done
	@mkdir -p $(DIST)
	@$(DOCKER) buildx build --platform linux/amd64,linux/arm64 --provenance=mode=max --push \
	  --build-arg PYTHON_IMAGE="$$PYTHON_IMAGE" --build-arg UV_IMAGE="$$UV_IMAGE" \
	  --tag $(REGISTRY)/glovebox:$(VERSION) --metadata-file $(DIST)/image.json .
	@grep -oE '"containerimage.digest": *"sha256:[0-9a-f]{64}"' $(DIST)/image.json | \
	  grep -oE 'sha256:[0-9a-f]{64}' >$(DIST)/image.digest
	@echo "Pushed: $(REGISTRY)/glovebox@$$(cat $(DIST)/image.digest)"

.PHONY: release-chart
release-chart: ## Package the chart with the image's digest, push it, keep its own digest
	@rm -rf $(DIST)/glovebox && cp -rL helm/glovebox $(DIST)/glovebox
	@sed -i "/^  image:/,/pullPolicy/s/^    digest: \"\"/    digest: $$(cat $(DIST)/image.digest)/" \
	  $(DIST)/glovebox/values.yaml
	@grep -qF "digest: $$(cat $(DIST)/image.digest)" $(DIST)/glovebox/values.yaml
	@$(HELM) package $(DIST)/glovebox --destination $(DIST)
	@$(HELM) push $(DIST)/glovebox-$(VERSION).tgz oci://$(REGISTRY)/charts $(ARGS) 2>&1 | \
	  tee $(DIST)/chart.txt
	@grep -oE 'sha256:[0-9a-f]{64}' $(DIST)/chart.txt >$(DIST)/chart.digest

.PHONY: release-sign
release-sign: ## Sign image and chart, and attest the image's libraries
	@$(COSIGN) sign --yes $(REGISTRY)/glovebox@$$(cat $(DIST)/image.digest)
	@$(COSIGN) sign --yes $(REGISTRY)/charts/glovebox@$$(cat $(DIST)/chart.digest)
	@$(COSIGN) attest --yes --type cyclonedx --predicate $(SBOM) \
	  $(REGISTRY)/glovebox@$$(cat $(DIST)/image.digest)

.PHONY: release-page
release-page: ## Publish the page of the release, with chart and libraries
	@$(GH) release create v$(VERSION) --verify-tag --title "Glovebox $(VERSION)" \
	  --notes "What changed is in CHANGELOG.md." $(DIST)/glovebox-$(VERSION).tgz $(SBOM)

.PHONY: pictures
pictures: chromium ## Draw the dashboards and pages of the docs (in environments of their own)
	$(call say,the simulation, Prometheus and matplotlib: what each dashboard shows of an hour)
	@cd tests && $(UV) run --quiet --isolated --locked --group pictures python -m pictures
	$(call say,Chromium: what `glovebox ui` shows)
	@cd tests && $(UV) run --quiet --isolated --locked --extra cli --group browser python -m \
	  browser.pictures

.PHONY: format
format: environment ## Format the code and fix what can be fixed automatically
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

.PHONY: generate
generate: environment ## Regenerate CRDs, reference pages and pictures from their sources
	@$(BIN)/python -m glovebox.api.crd_export
	@$(BIN)/python -m glovebox.api.reference_docs
	@$(BIN)/python -m glovebox.api.condition_docs
	@$(BIN)/python -m glovebox.metrics.reference_docs
	@$(BIN)/python -m glovebox.metrics.dashboard_files
	@$(BIN)/python -m glovebox.metrics.rule_files
	@$(BIN)/python docs/img/draw.py
