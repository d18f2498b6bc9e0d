#!/usr/bin/env bash
# Compares the benchmarks of the working tree (head) with those of the git ref in
# BASE. Both run on this machine, in turns, so that what disturbs one disturbs the
# other too. The figure to look at is pool/bare: each run measures the baseline
# beside the pool, which takes out most of what the machine does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

: "${BASE:?is the git ref to compare with}"
: "${BENCH:=^(BenchmarkSubmit|BenchmarkDo)$/^workers=4$/^buffer=(0|128)$}"
: "${BENCH_TIME:=11x}" # iterations of which a run reports the median
: "${ROUNDS:=10}"      # runs of each side; benchstat wants 6 for a confidence interval

head=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git archive --output="$tmp/base.tar" "$BASE"
mkdir "$tmp/base"
tar -xf "$tmp/base.tar" -C "$tmp/base"

(cd "$tmp/base" && go test -c -o "$tmp/base.test" .)
go test -c -o "$tmp/head.test" .

measure() { # side $1, which is built from directory $2
	(cd "$2" && "$tmp/$1.test" -test.run '^$' -test.bench "$BENCH" -test.benchtime "$BENCH_TIME") \
		>>"$tmp/$1.txt" || { cat "$tmp/$1.txt" >&2; exit 1; }
}
for ((round = 1; round <= ROUNDS; round++)); do
	echo "round $round of $ROUNDS" >&2
	measure base "$tmp/base"
	measure head "$head"
done

bin/benchstat -filter '.unit:("pool/bare" OR pool-ns/job OR pool-allocs/job)' \
	"base=$tmp/base.txt" "head=$tmp/head.txt"
