# The two commands of this project. Each installs what it needs first.

CARGO ?= cargo
SHELL := /bin/bash

.PHONY: help run test e2e soak load compare bench fuzz rfc-coverage laml-reference clean

help: ## Show the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## Build and serve a demo: two phones, three applications
	@tools/setup.sh run
	@tools/run.sh

test: ## Format check, lints and every test
	@tools/setup.sh test
	@tools/test.sh

e2e: ## Only the tests with real clients
	@tools/setup.sh test
	$(CARGO) test --locked -p tandem --test e2e --test interop

soak: ## The attacks with their promised counts (an hour, wants an idle machine)
	@tools/setup.sh test
	@tools/soak.sh

load: ## The load figures of docs/performance.md (takes minutes, wants an idle machine)
	@tools/setup.sh test
	@loadtest/run.sh

compare: ## Side by side with rtpengine (takes about ten minutes, wants an idle machine)
	@tools/setup.sh compare
	@loadtest/compare

bench: ## Micro-benchmarks
	@tools/setup.sh run
	$(CARGO) bench --locked -p tandem-benches

fuzz: ## Each fuzz target for SECS seconds (60); findings fail it
	@tools/setup.sh run
	@tools/fuzz.sh

rfc-coverage: ## Write docs/rfc-coverage.md anew from the citations in code and tests
	TANDEM_BLESS=1 $(CARGO) test --locked --quiet -p tandem-model --test rfc_coverage

laml-reference: ## Write the tables of docs/laml.md anew from the verbs and nouns
	TANDEM_BLESS=1 $(CARGO) test --locked --quiet -p tandem-laml --test reference --test parameters

clean: ## Remove what was built and the demo's data
	$(CARGO) clean
	rm -rf data
