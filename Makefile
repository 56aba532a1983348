# Every task of the project. `make` lists them; `make check` is what must pass.
#
# PACKAGES narrows test, clippy and check: make test PACKAGES='-p afterwrite-types'

CARGO ?= cargo
PACKAGES ?= --workspace
TARGET = $(or $(CARGO_TARGET_DIR),target)
AFTERWRITE = $(TARGET)/release/afterwrite

# Where rustup and `cargo install` put their programs; a shell opened before them lacks it.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

.PHONY: help setup build demo test doctest check fmt clippy licences soak matrix bench load share memory sim mutants fuzz \
	regress footprints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing to build, run and test
	@sh scripts/setup build run test

build: ## compile target/release/afterwrite
	@sh scripts/setup build
	$(CARGO) build --release --bin afterwrite

demo: build ## a real primary, two lagging replicas, four ways of routing; DEMO_ARGS='--keep'
	@sh scripts/setup run
	$(AFTERWRITE) demo $(DEMO_ARGS)

# The binary that tests of other crates start. Built with the suite, not within a test's
# time limit; in a narrowed run, which may not have built it, the test asks cargo for it.
ifeq ($(PACKAGES),--workspace)
test: export E2E_AFTERWRITE = $(abspath $(TARGET))/debug/afterwrite
endif

# The examples in the documentation first, so that the suite's summary is the last word.
test: doctest ## the whole suite, with real clusters
	$(CARGO) build --quiet $(PACKAGES) --bins
	@if command -v cargo-nextest >/dev/null; then \
		set -x; $(CARGO) nextest run $(PACKAGES); \
	else \
		set -x; $(CARGO) test $(PACKAGES) --lib --bins --tests --no-fail-fast -- --test-threads=2; \
	fi

doctest: setup
	$(CARGO) test --quiet --doc $(PACKAGES)

check: fmt clippy licences test ## formatting, lints, licences, tests: run it before a commit

fmt: ## is the code formatted? (cargo fmt --all mends it)
	$(CARGO) fmt --all --check

clippy: ## lints, warnings denied
	@sh scripts/setup build
	$(CARGO) clippy $(PACKAGES) --all-targets -- -D warnings

# cargo-deny knows more (advisories, sources); the script needs nothing but Python.
licences: ## may we use each dependency? (deny.toml)
	@sh scripts/setup test
	scripts/licences
	@if command -v cargo-deny >/dev/null; then set -x; $(CARGO) deny check; fi

soak: build ## the session guarantee: 200,000 reads judged, under faults; SOAK_ARGS=
	@sh scripts/setup run
	$(AFTERWRITE) soak $(SOAK_ARGS)

matrix: build ## each fault with each scope: a table of zeros; MATRIX_ARGS='--only none,copy'
	@sh scripts/setup run
	$(AFTERWRITE) soak --matrix --markdown bench/results/matrix.md $(MATRIX_ARGS)

bench: ## through Afterwrite, through PgBouncer and direct, side by side; BENCH_ARGS=
	@sh scripts/setup build run bench
	$(CARGO) build --release --bin afterwrite --bin afterwrite-bench
	$(TARGET)/release/afterwrite-bench --json bench/results/latest.json \
		--markdown bench/results/latest.md --plot bench/results/latest.svg $(BENCH_ARGS)

load: ## 10,000 idle and 2,000 active clients, slow ones, a flood of connections; LOAD_ARGS=
	@sh scripts/setup build run bench
	$(CARGO) build --release --bin afterwrite --bin afterwrite-bench
	$(TARGET)/release/afterwrite-bench load --markdown bench/results/load.md $(LOAD_ARGS)
share: ## which share of the reads goes to the primary, and which would have to; SHARE_ARGS=
	@sh scripts/setup build run
	$(CARGO) build --release --bin afterwrite --bin afterwrite-bench
	$(TARGET)/release/afterwrite-bench share --markdown bench/results/share.md $(SHARE_ARGS)

memory: ## what 5,000 idle clients cost Afterwrite and PgBouncer, in one run
	@sh scripts/setup build run bench
	$(CARGO) build --release --bin afterwrite --bin afterwrite-bench
	$(TARGET)/release/afterwrite-bench --only idle --targets pgbouncer,afterwrite-primary,afterwrite \
		--markdown bench/results/memory.md $(BENCH_ARGS)

# A million take a quarter of an hour of one core. It says how far it is; stopped, it goes on
# with FIRST at the number that it said last. SEED=7 is that one alone, with its trace.
SEEDS ?= 200000
FIRST ?= 1
SIM_THREADS ?=
sim: setup ## the simulation, long; SEEDS=1000000 FIRST=1, or SEED=7 for one
ifdef SEED
	SEED=$(SEED) $(CARGO) test -p afterwrite-sim --test seeds -- --nocapture nobody
else
	$(CARGO) run --quiet --release -p afterwrite-sim --example many -- $(FIRST) $(SEEDS) $(SIM_THREADS)
endif

mutants: setup ## break the code on purpose; the tests must notice
	scripts/mutants

# One target, or each for FUZZ_SECONDS. What is found is left in fuzz/artifacts, and what
# leads to new code in target/fuzz/TARGET: the corpus in the repository stays as it is.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS = $(if $(FUZZ_TARGET),$(FUZZ_TARGET),$(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs))))
fuzz: ## every decoder and the session, with bytes made up; FUZZ_TARGET=session FUZZ_SECONDS=60
	@sh scripts/setup fuzz
	scripts/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

export REGRESS_MODE REGRESS_REPLICAS
REGRESS_MODE ?= transaction
REGRESS_REPLICAS ?= 1
regress: build ## PostgreSQL's own suite, direct and through Afterwrite; TESTS= REGRESS_MODE=session
	@sh scripts/setup regress
	scripts/regress $(TESTS)

footprints: ## PostgreSQL's own suite: what is called fit for a replica must run on one; TESTS=
	@sh scripts/setup build regress
	$(CARGO) build -p afterwrite-e2e --example footprints
	scripts/regress --footprints $(TESTS)

clean: ## remove what was compiled
	$(CARGO) clean
