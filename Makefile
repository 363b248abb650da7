# Every verb that needs an environment makes it: .venv here, by `python3 -m venv` and a pinned uv in
# it, from uv.lock. Two stages, each with a stamp, so that the first `make dev` waits for what it
# runs and not for the linters.

PORT ?= 3000
STORE ?= redis
REDIS_URL ?= embedded:valkey
STATE_DIR ?=
RECEIPT_URL ?=
RECEIPT_SECRET ?= cloudpush-development-secret
AUTH ?= none
TARGET ?= local
STACK ?= cloudpush-conformance
ARGS ?=

PYTHON ?= python3
PYTHON27 ?= python2.7
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.stamp-run
ALL := $(VENV)/.stamp-all
UV_VERSION := 0.13.9
UV := $(BIN)/uv
SAM := $(UV) tool run --quiet --python $(BIN)/python --from aws-sam-cli==1.170.0 sam
LAYERS := layers/dependencies

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
export SAM_CLI_TELEMETRY := 0
export NO_MKDOCS_2_WARNING := 1
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help

##@ Verbs

.PHONY: help
help: ## List the verbs and variables
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@printf '  %-15s %s\n' \
		'PORT=3000' 'where make dev listens' \
		'STORE=redis' 'or dynamodb: the store of make dev' \
		'REDIS_URL=' 'a Redis of yours instead of the embedded Valkey' \
		'RECEIPT_URL=' 'whom make dev tells receipts, such as http://127.0.0.1:9000/' \
		'RECEIPT_SECRET=' 'what they are signed with; cloudpush-development-secret if none is given' \
		'AUTH=none' 'or jwt: make dev asks for tokens, and prints one' \
		'STATE_DIR=' 'a folder in which make dev keeps its state; without one it starts empty' \
		'TARGET=local' 'or aws: what make conformance tests' \
		'STACK=' 'the stack of make conformance-deploy, cloudpush-conformance if none is given' \
		'TARGETS=' 'what make fuzz fuzzes, all if nothing is said; SECONDS=600 each' \
		'ARGS=' 'options for the program that dev, test, bench, build or deploy runs' \
		'PYTHON=python3' 'which Python makes the environment'

.PHONY: dev
dev: $(RUN) ## Run the service here: template.yaml on the local gateway
	@$(AUTH_BANNER_$(AUTH))
	@exec $(BIN)/local-gateway --template template.yaml --port $(PORT) \
		--parameter-overrides Stage=dev TestPage=true WebSocketUrl=ws://127.0.0.1:$(PORT)/dev \
			Store=$(STORE) AuthMode=$(AUTH) $(if $(filter redis,$(STORE)),RedisUrl='$(REDIS_URL)') \
			$(if $(RECEIPT_URL),ReceiptUrl='$(RECEIPT_URL)' ReceiptNetwork=private \
				ReceiptSecret='plain:$(RECEIPT_SECRET)') \
		$(if $(filter jwt,$(AUTH)),--env-vars $(DEVELOPMENT_SECRET)) \
		$(if $(STATE_DIR),--state-dir '$(STATE_DIR)') $(ARGS)

DEVELOPMENT_SECRET := $(VENV)/development-secret.json
AUTH_BANNER_none = echo 'AuthMode=none: whoever reaches this port may connect as anybody, push to anybody and' && \
	echo 'look at everything. "make dev AUTH=jwt" asks for tokens, as a deployment does.' && echo
AUTH_BANNER_jwt = $(BIN)/cloudpush development-secret $(DEVELOPMENT_SECRET) --url http://127.0.0.1:$(PORT)

.PHONY: test
test: $(ALL) ## Run the tests, but for those of the build
	$(BIN)/python -m pytest -n 2 -m 'not optional and not build' $(ARGS)

.PHONY: sdks
sdks: ## Fetch the AWS SDKs for JavaScript, which tests of the local gateway call it with
	npm ci --prefix tests/sdks --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: conformance
conformance: $(ALL) ## Hold the local gateway to its clauses; TARGET=aws a deployed stage
	CONFORMANCE_TARGET=$(TARGET) CONFORMANCE_STACK=$(STACK) \
		$(BIN)/python -m pytest -n 2 tests/conformance $(ARGS)

.PHONY: conformance-deploy
conformance-deploy: $(UV) ## Deploy the stack of TARGET=aws to your account, as STACK
	$(SAM) deploy --template-file tests/conformance/stack/template.yaml --stack-name $(STACK) \
		--resolve-s3 --capabilities CAPABILITY_IAM --no-confirm-changeset $(ARGS)

AUTOBAHN := $(VENV)/autobahn

.PHONY: autobahn
autobahn: $(ALL) ## Run the Autobahn|Testsuite against the gateway; PYTHON27 is its interpreter
	test -d $(AUTOBAHN) || $(PYTHON27) -m pip install --quiet --disable-pip-version-check \
		--target $(AUTOBAHN) autobahntestsuite==0.8.2
	AUTOBAHN_SUITE='$(abspath $(AUTOBAHN))' AUTOBAHN_PYTHON=$(PYTHON27) \
		$(BIN)/python -m pytest -m optional tests/autobahn $(ARGS)

.PHONY: matrix
matrix: $(ALL) ## Write docs/reference/support-matrix.md from the clauses and the tests
	$(BIN)/python -m tests.conformance.matrix

.PHONY: pages
pages: $(ALL) ## Build the pages of pages/ into the bundles that are served (needs Node.js 20.19)
	npm ci --prefix pages --no-audit --no-fund --loglevel=error
	npm run build --prefix pages --silent
	$(BIN)/python -m tests.architecture.bundles

.PHONY: screenshots
screenshots: $(ALL) ## Take the pictures of the pages that the documentation shows (needs Chromium, fonts-noto-cjk)
	$(BIN)/python -m tests.e2e.screenshots

.PHONY: first-paint
first-paint: $(ALL) ## Measure how soon the pages show something (needs Chromium)
	$(BIN)/python -m tests.e2e.first_paint

.PHONY: chaos
chaos: $(ALL) ## Hold the service to its promise under faults: the long profile of the checker
	$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: machines
machines: $(ALL) ## Look for an order of events in which a message is lost; on every store, for long
	$(BIN)/python -m pytest -m optional tests/property $(ARGS)

TARGETS ?= envelope http route template token
SECONDS ?= 600

.PHONY: fuzz
fuzz: $(ALL) ## Fuzz what parses, led by coverage: TARGETS, each for SECONDS
	@for target in $(TARGETS); do \
		$(UV) run --quiet --no-sync --with atheris==3.0.0 \
			python -m tests.fuzz $$target -max_total_time=$(SECONDS) $(ARGS) || exit; \
	done

.PHONY: fuzz-keep
fuzz-keep: ## Add to the committed corpora what fuzzing found that reaches more; TARGETS
	@$(MAKE) --no-print-directory fuzz ARGS=-merge=1

.PHONY: audit
audit: $(ALL) ## Look for known vulnerabilities in what is locked; 3 is «nobody could tell»
	@$(BIN)/python -m tests.architecture.audit

CHECKS := check-lint check-format check-types check-imports check-spelling check-template check-policies check-docs

.PHONY: check $(CHECKS)
check: $(ALL) ## Lint, check formats, types, imports, spelling, the template, policies and docs
	@$(MAKE) --no-print-directory -j 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) $(CHECKS)

check-lint: $(ALL)
	$(BIN)/ruff check --quiet

check-format: $(ALL)
	$(BIN)/ruff format --check --quiet

check-types: $(ALL)
	$(BIN)/pyright

check-imports: $(ALL)
	$(BIN)/lint-imports

check-spelling: $(ALL)
	$(BIN)/codespell

check-template: $(ALL)
	$(BIN)/cfn-lint template.yaml tests/conformance/stack/template.yaml

check-policies: $(ALL)
	$(BIN)/python -m tests.architecture.lint_policies

check-docs: $(ALL)
	$(BIN)/mkdocs --quiet build --strict

.PHONY: fix
fix: $(ALL) ## Repair what the linter and the formatter can, and write what is written from other code
	$(BIN)/python -m tests.architecture.blocking
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench-fan-out
bench-fan-out: $(ALL) ## Push to a million connections in Valkey, with workers that are killed; ARGS=--write its page
	$(BIN)/python -m benchmarks.drain $(ARGS)

.PHONY: simulate
simulate: $(ALL) ## What a deployment takes and costs, to ten million connections; ARGS=--write its page
	$(BIN)/python -m benchmarks.simulate $(ARGS)

.PHONY: bench-broadcast
bench-broadcast: $(ALL) ## Push to 5,000 clients through the gateway, and to one beside that
	$(BIN)/python -m benchmarks --only broadcast beside $(ARGS)

.PHONY: bench
bench: $(ALL) ## Measure, and write docs/explanation/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

PEERS := .cache/peers

.PHONY: peers
peers: $(UV) ## Fetch the peers of bench-peers from npm and PyPI (pushpin, nginx and nchan: apt-get)
	mkdir -p $(PEERS)/node
	! command -v npm >/dev/null || npm install --prefix $(PEERS)/node --ignore-scripts --no-audit \
		--no-fund --loglevel=error serverless@3.40.0 serverless-offline@13.10.1 \
		aws-lambda-ws-server@0.1.21
	$(UV) venv --quiet --clear --python $(BIN)/python $(PEERS)/ministack
	$(UV) pip install --quiet --python $(PEERS)/ministack/bin/python ministack==1.5.33
	$(UV) venv --quiet --clear --python $(BIN)/python $(PEERS)/posting
	$(UV) pip install --quiet --python $(PEERS)/posting/bin/python aiobotocore==3.10.0 awscrt==0.38.1

.PHONY: bench-peers
bench-peers: $(ALL) ## Measure beside the peers that are here, and write docs/explanation/peers.md
	$(BIN)/python -m benchmarks.peers $(ARGS)

.PHONY: docs
docs: $(ALL) ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

.PHONY: build
build: $(ALL) ## Build functions and layers for Lambda, and prove what came out
	$(SAM) validate --lint --region us-east-1
	UV='$(abspath $(UV))' $(SAM) build $(ARGS)
	$(BIN)/python -m pytest -p no:randomly -m build --quiet tests/artifacts

.PHONY: deploy
deploy: build ## Deploy to AWS, closed to whoever has no token
	$(SAM) deploy $(ARGS)

.PHONY: lock
lock: $(UV) ## After a change of the dependencies: lock them, for the layers too
	$(UV) lock
	$(EXPORT) --output-file $(LAYERS)/requirements-core.txt
	$(EXPORT) --output-file $(LAYERS)/requirements-http.txt --extra http $(NOT_IN_CORE)
	$(EXPORT) --output-file $(LAYERS)/requirements-keys.txt --extra keys $(NOT_IN_CORE)

NOT_IN_CORE = $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' $(LAYERS)/requirements-core.txt)

EXPORT = $(UV) export --quiet --locked --no-default-groups --no-emit-project --no-header --no-annotate

.PHONY: install
install: $(ALL) ## Make the environment in .venv, linters and all

.PHONY: clean
clean: ## Remove the environment, and what was built or cached
	rm -rf $(VENV) .cache .aws-sam site dist tests/sdks/node_modules .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ The environment

stop-if = $(if $(1),$(error $(1)))

# What is wrong with this machine's Python, in one sentence with its cure, or nothing.
PROBLEM = $(shell \
	if ! $(PYTHON) -c '' 2>/dev/null; then \
		echo '$(PYTHON) does not run here: apt install python3-venv, or make PYTHON=/path/to/python3 $(MAKECMDGOALS)'; \
	elif ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo '$(PYTHON) is older than 3.11: apt install python3.11-venv, then make PYTHON=python3.11 $(MAKECMDGOALS)'; \
	elif ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		echo '$(PYTHON) cannot make environments: apt install python3-venv'; \
	fi)

# An environment whose interpreter was upgraded away is made anew.
ifeq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),)
.PHONY: $(UV) $(RUN) $(ALL)
NEW := --clear
endif

$(UV):
	$(call stop-if,$(PROBLEM))
	@echo 'Making the environment in $(VENV)'
	@$(PYTHON) -m venv $(NEW) $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(RUN): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --inexact --no-default-groups --extra gateway --extra http
	@touch $@

$(ALL): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --locked --all-groups
	@touch $(RUN) $@
