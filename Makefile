# Needs Go, make and git; the race detector also needs a C compiler, and the
# scripts bash. Everything else is built from the versions pinned in tools/go.mod.

# A go.work in a parent directory must not change what the targets see.
export GOWORK=off

COUNT = 100
BENCH_COUNT = 31
BENCH_ROUNDS = 41
FUZZTIME = 1m
MODEL_CHECKS = 50000
SIMULATE_SEEDS = 8
PLOT_SEEDS = 3
FAULT_JOBS = 20000
FAULT_TIMES = 3
FAULT_SOAK = 10m
MIN_COVERAGE = 95

# The state of this library that `make bench` compares with, beside the other libraries.
BENCH_BASE = db9642893424048c141f4aecaa78d6652cf2226f

# The directory of every module but tools/. Directories that start with a dot
# and testdata are skipped, as the go command skips them. MODULES=. on the command
# line runs a target in the root module only.
MODULES = $(shell find . -name go.mod ! -path './tools/*' ! -path '*/testdata/*' ! -path '*/.*/*' -exec dirname {} ';' | sort)

# Starts a loop over the modules; the recipe runs in each module's directory.
# All modules run even if one fails, and the failed ones are named at the end.
# To find none is a failure: on Windows another program is called find too.
EACH = root=$$(pwd); failed=; mods="$(MODULES)"; \
	if [ -z "$$mods" ]; then echo "$@: found no go.mod" >&2; exit 1; fi; \
	for m in $$mods; do echo "==> $@: module $$m"; (cd "$$m" &&
DONE = ) || failed="$$failed $$m"; done; \
	if [ -n "$$failed" ]; then echo "$@ failed in:$$failed" >&2; exit 1; fi

.PHONY: help build test race test-386 browser screenshots simulate plots stress model faults leaks mutants fuzz cover bench bench-report \
	bench-distributed bench-distributed-report bench-root bench-compare figures lint shellcheck vuln api published notes fmt tidy \
	tools clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-24s %s\n", $$1, $$2 }' Makefile

build: ## compile every module
	@$(EACH) go build -o /dev/null ./... $(DONE)

test: ## test every module with the race detector, shuffled; the root module with 1, 2 and 8 CPUs; and in full, without it, what takes ten times as long with it
	@$(EACH) go test -race -short -shuffle=on $$(test "$$m" != . || echo -cpu=1,2,8) ./... $(DONE)
	@$(EACH) case "$$m" in (. | ./modeltest | ./mutants) go test -shuffle=on ./... ;; esac $(DONE)

race: ## test every module with the race detector, and nothing cut short
	@$(EACH) go test -race -timeout=2h -shuffle=on $$(test "$$m" != . || echo -cpu=1,2,8) ./... $(DONE)

test-386: ## test every module as a 32-bit program, without the race detector, which has no 386
	@export GOARCH=386; $(EACH) go test -shuffle=on ./... $(DONE)

browser: ## test the live page in a real browser: chromium, which has to be installed
	cd livepage/browser && go test -race -tags=browser -v -count=1 .

screenshots: ## take the pictures of the live page in docs/ again; takes chromium too
	cd livepage/browser && go test -tags=browser -count=1 -run='^TestScreenshots$$' . -screenshots="$$OLDPWD/docs"

simulate: ## find sizes and rates in half an hour of each model of a service, SIMULATE_SEEDS times (default 8)
	go test -count=1 -timeout=2h -run='^(TestSize|TestStorm|TestLearned|TestQuota|TestGuesses)' -v ./autotune/ -autotune.seeds=$(SIMULATE_SEEDS)

plots: ## run the models again, and write docs/autotune.md and its pictures
	cd plots && go test -count=1 -timeout=2h -run='^TestPlots$$' . -docs="$$OLDPWD/docs" -seeds=$(PLOT_SEEDS)

stress: ## run the root module's tests COUNT times (default 100)
	go test -race -shuffle=on -failfast -timeout=5h -count=$(COUNT) ./...

model: ## test the pool against the model: MODEL_CHECKS plans (default 50000), and a hundredth of that in histories
	cd modeltest && go test -timeout=0 -model.plans=$(MODEL_CHECKS) \
		-history.count=$$(($(MODEL_CHECKS) / 100)) -linear.count=$$(($(MODEL_CHECKS) / 100)) .

faults: ## kill, freeze, cut off and replace the processes of distributed pools: FAULT_JOBS jobs (default 20000), FAULT_TIMES times (3), and FAULT_SOAK of random faults (10m)
	cd natspool && go test -count=1 -timeout=0 -v ./faults -faults.jobs=$(FAULT_JOBS) -faults.times=$(FAULT_TIMES) -faults.soak=$(FAULT_SOAK)

leaks: ## look for leaked goroutines with the garbage collector (Go 1.26 and later)
	cd modeltest && GOEXPERIMENT=$$(case $$(go env GOVERSION) in (go1.26*) echo goroutineleakprofile; esac) \
		go test -tags=leaks -run=TestLeak -v .

mutants: ## break the pool on purpose, in many ways, and see which tests notice; takes two hours
	go run -C mutants . -report=docs/mutants.md

fuzz: ## run each fuzz test of every module for FUZZTIME (default 1m)
	@$(EACH) "$$root/scripts/fuzz.sh" $(FUZZTIME) $(DONE)

cover: ## measure the root module's statement coverage; fails under MIN_COVERAGE percent (default 95)
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	@total=$$(go tool cover -func=coverage.out | awk '/^total:/ { print $$NF + 0 }'); \
	echo "statement coverage: $$total%, required: $(MIN_COVERAGE)%"; \
	awk -v t="$$total" -v m=$(MIN_COVERAGE) 'BEGIN { exit !(t != "" && t + 0 >= m + 0) }'

bench: ## compare with other libraries and with the git ref BENCH_BASE, and write docs/benchmarks.md; takes 45 minutes
	BASE=$(BENCH_BASE) scripts/benchmarks.sh -rounds $(BENCH_ROUNDS)
	$(MAKE) bench-report

bench-distributed: ## compare natspool with asynq and River, where Redis and Postgres are installed, and write docs/distributed.md; takes 12 minutes
	scripts/bench-distributed.sh
	$(MAKE) bench-distributed-report

bench-distributed-report: ## write docs/distributed.md and its chart again, from benchmarks/distributed/results/run.txt
	go run -C benchmarks/distributed ./report

bench-report: ## write docs/benchmarks.md and its charts again, from benchmarks/results/run.txt
	go run -C benchmarks ./report
	go test -run '^TestReadme$$' . -update

bench-root: ## run the root module's benchmarks; contenders interleave, BENCH_COUNT rounds each (default 31)
	go test -run '^$$' -bench . -benchtime=$(BENCH_COUNT)x ./...

bench-compare: bin/benchstat ## compare the benchmarks with those of the git ref BASE, both run in turns
	@scripts/bench-compare.sh

figures: ## run again what the README shows figures of, and write them into it
	go run -C examples ./burst | sed -n '/^ *goroutine per request  *pool /,$$p' > examples/burst/run.txt
	go test -run '^TestReadme$$' . -update

lint: bin/golangci-lint bin/actionlint ## check style, go.mod files, formatting and workflows
	@$(EACH) "$$root/bin/golangci-lint" run --config="$$root/.golangci.yml" ./... && \
		go mod tidy -diff $(DONE)
	bin/golangci-lint fmt --diff
	bin/actionlint -shellcheck= -pyflakes=

shellcheck: bin/actionlint ## check the scripts and the run steps of the workflows; needs shellcheck
	shellcheck .ci/run scripts/*.sh
	bin/actionlint -shellcheck=shellcheck -pyflakes=

vuln: bin/govulncheck ## look for known vulnerabilities; asks the Go vulnerability database
	@$(EACH) "$$root/bin/govulncheck" ./... $(DONE)

api: bin/apidiff ## compare the exported API with that of the git ref BASE (default: the last release)
	@scripts/api.sh

published: ## build and test the modules that others import without their replace directives; VERSION=v1.2.3 takes that one
	VERSION=$(VERSION) scripts/published.sh

notes: ## print what CHANGELOG.md says of VERSION; fails if that is nothing
	@awk -v v='$(VERSION:v%=%)' '/^## / { on = $$2 == v || $$2 == "[" v "]"; next } on && (n || NF) { n++; print } \
		END { exit !n }' CHANGELOG.md || { echo "CHANGELOG.md has no notes of '$(VERSION)'" >&2; exit 1; }

fmt: bin/golangci-lint ## format all Go files
	bin/golangci-lint fmt

tidy: ## run go mod tidy in every module and in tools
	@$(EACH) go mod tidy $(DONE)
	cd tools && go mod tidy

tools: ## build all pinned tools into bin/
	@go build -C tools -buildvcs=false -o ../bin/ tool

# One of the tools. The go command knows whether it is up to date, so it is always asked.
FORCE:
bin/%: FORCE
	@go build -C tools -buildvcs=false -o ../$@ $$(go list -C tools -f '{{.ImportPath}}' tool | grep '/$*$$')

clean: ## remove built files
	rm -rf bin coverage.out
