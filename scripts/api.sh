#!/usr/bin/env bash
# Compares the exported API of the root module, as it is in the working tree, with
# that of the git ref in BASE, by default the last release before HEAD. Once there is
# a v1, incompatible changes are a failure, unless the module path changes with them,
# as it does for a new major version, or ALLOW_INCOMPATIBLE is set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The newest release that matches $1 and comes before HEAD. A tag of HEAD itself does
# not count: it is the one to be released. Tags of nested modules have a prefix.
last_release() {
	git -c versionsort.suffix=- for-each-ref --count=1 --sort=-v:refname \
		--merged HEAD --no-contains HEAD --format='%(refname:short)' "refs/tags/$1"
}

module() { (cd "$1" && go list -m); }

export_api() { # of the module in directory $1, to the file $2
	(cd "$1" && "$apidiff" -m -w "$2" "$(module .)")
}

must_be_compatible() {
	[ -z "${ALLOW_INCOMPATIBLE:-}" ] && [ -n "$(last_release 'v[1-9]*')" ] &&
		[ "$(module .)" = "$(module "$tmp/base")" ]
}

base=${BASE:-$(last_release 'v[0-9]*')}
if [ -z "$base" ]; then
	echo "No release to compare the exported API with: this is the first."
	exit
fi

apidiff=$PWD/bin/apidiff
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
git archive --output="$tmp/base.tar" "$base"
mkdir "$tmp/base"
tar -xf "$tmp/base.tar" -C "$tmp/base"
export_api "$tmp/base" "$tmp/old"
export_api . "$tmp/new"

changes=$("$apidiff" -m "$tmp/old" "$tmp/new")
printf 'Exported API compared with %s:\n\n%s\n' "$base" "${changes:-No changes.}"

if grep -q '^Incompatible changes:' <<<"$changes" && must_be_compatible; then
	echo "Incompatible changes need a new major version (ALLOW_INCOMPATIBLE=1 lets them pass)." >&2
	exit 1
fi
