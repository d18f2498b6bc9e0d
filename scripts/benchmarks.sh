#!/usr/bin/env bash
# Runs the benchmarks against the peers, and against this library at the git ref in BASE.
# Arguments go to the program: scripts/benchmarks.sh -rounds 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

: "${BASE:?is the git ref to compare with}"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
revision=$(git rev-parse --verify "$BASE^{commit}")
git archive --output="$tmp/base.tar" "$revision"
mkdir "$tmp/base"
tar -xf "$tmp/base.tar" -C "$tmp/base"

# Under a path of its own it is another module, with packages of its own, and can be in
# one program with the present one. Nested modules are left as they are: nobody imports them.
find "$tmp/base" \( -name '*.go' -o -name go.mod \) \
	-exec sed -i.orig 's#github.com/boundedgo/workerpool#github.com/boundedgo/previous#g' {} +

# go.mod in the repository has the present state in its place.
cp benchmarks/go.mod benchmarks/go.sum "$tmp/"
go mod edit -replace "github.com/boundedgo/previous=$tmp/base" "$tmp/go.mod"
# Where in a line of 64 bytes a loop begins is some 5% of jobs that do nothing, and would
# change with whatever comes before it in the program: so all functions begin at such a line.
head=$(git describe --always --abbrev=40 --exclude='*' --dirty)
(cd benchmarks && go build -mod=mod -modfile="$tmp/go.mod" -tags=previous -o "$tmp/benchmarks" \
	-ldflags="-funcalign=64 -X main.libraryRevision=$head -X main.previousRevision=$revision" .)

cd benchmarks
"$tmp/benchmarks" "$@"
