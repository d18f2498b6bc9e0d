#!/usr/bin/env bash
# Runs each fuzz test of the module in the current directory, for the time $1 each.
# go test -fuzz takes one at a time, so they have to be found first.
set -euo pipefail

# go test -list prints the names of a package and then a line about the package.
tests=$(go test -list '^Fuzz' ./... | awk '
	/^Fuzz/ { names[++n] = $1 }
	/^ok/   { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')

if [ -z "$tests" ]; then
	echo "no fuzz tests"
	exit
fi
failed=
while read -r package name; do
	echo "--> $name of $package for $1"
	# What an input reaches depends on the scheduler too, so to make it shorter is mostly
	# in vain, and would by default take a minute for each.
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$1" -fuzzminimizetime 1s "$package" </dev/null || failed="$failed $name"
done <<<"$tests"
if [ -n "$failed" ]; then
	echo "found inputs that fail:$failed (in testdata/fuzz)" >&2
	exit 1
fi
