#!/usr/bin/env bash
# Builds and tests the modules that others import as others get them: a copy outside of this
# repository, without the replace directive, with the root module from a module proxy. Without
# VERSION that is the root module as it is here, which is served from a directory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off

tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
version=${VERSION:-}
if [ -z "$version" ]; then
	version=v0.999.0
	git clone -q . "$tmp/clone" # without what is not committed
	go build -C tools -buildvcs=false -o "$tmp/modproxy" ./modproxy
	"$tmp/modproxy" "$tmp/clone" "$version" "$tmp/proxy"
	export GOPROXY="file://$tmp/proxy,$(go env GOPROXY)" GONOSUMDB=github.com/boundedgo/workerpool
	# Its own cache: a version of this name is another one each time.
	export GOMODCACHE="$tmp/cache"
fi
for m in prompool otelpool natspool; do
	echo "==> $m with the root module $version"
	git archive HEAD "$m" | tar -x -C "$tmp"
	(
		cd "$tmp/$m"
		go mod edit -dropreplace=github.com/boundedgo/workerpool -require="github.com/boundedgo/workerpool@$version"
		go mod tidy
		go vet ./...
		go test -short ./...
	)
done
