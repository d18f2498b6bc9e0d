#!/usr/bin/env bash
# Compares the pool on NATS JetStream with asynq on Redis and River on Postgres. Starts these
# servers on loopback, with data in a temporary directory, and ends them. Whose server is not
# installed is left out. Arguments go to the program: scripts/bench-distributed.sh -rounds 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tmp=$(mktemp -d) # its disk is the one that is measured: TMPDIR says where
pids=()
postgres=
as=()
end() {
	for pid in ${pids[@]+"${pids[@]}"}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	if [ -n "$postgres" ]; then
		${as[@]+"${as[@]}"} "$postgres/pg_ctl" stop -D "$tmp/postgres/data" -m fast >/dev/null || true
	fi
	rm -rf "$tmp"
}
trap end EXIT
trap 'exit 130' INT TERM

head=$(git describe --always --abbrev=40 --exclude='*' --dirty)
(cd benchmarks/distributed && go build -ldflags="-X main.revision=$head" -o "$tmp/distributed" .)
port() { "$tmp/distributed" -free-port; }

# Waits until something is there to connect to.
await() { # port
	for _ in $(seq 100); do
		if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
		sleep 0.1
	done
	echo "nothing listens on port $1" >&2
	exit 1
}

args=()
if command -v redis-server >/dev/null; then
	for fsync in everysec always; do
		mkdir "$tmp/redis-$fsync"
		port=$(port)
		redis-server --bind 127.0.0.1 --port "$port" --dir "$tmp/redis-$fsync" --save '' \
			--appendonly yes --appendfsync "$fsync" >"$tmp/redis-$fsync/log" &
		pids+=("$!")
		await "$port"
		args+=("-redis-$fsync=127.0.0.1:$port")
	done
else
	echo "redis-server is not installed: asynq is left out" >&2
fi

# Debian keeps the programs of Postgres away from PATH.
bin=$(command -v initdb || find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -n 1 || true)
if [ -n "$bin" ]; then
	bin=$(dirname "$bin")
	mkdir "$tmp/postgres"
	if [ "$(id -u)" = 0 ]; then # as whom it refuses to run
		as=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
		chmod 711 "$tmp"
		chown nobody "$tmp/postgres"
	fi
	port=$(port)
	postgres=$bin
	(cd "$tmp/postgres" && ${as[@]+"${as[@]}"} "$bin/initdb" -D "$tmp/postgres/data" -U bench --auth=trust >"$tmp/initdb.log")
	(cd "$tmp/postgres" && ${as[@]+"${as[@]}"} "$bin/pg_ctl" start -w -D "$tmp/postgres/data" -l "$tmp/postgres/log" \
		-o "-h 127.0.0.1 -p $port -k $tmp/postgres -c max_connections=300" >/dev/null)
	args+=("-postgres=postgres://bench@127.0.0.1:$port/postgres?sslmode=disable")
else
	echo "Postgres is not installed: River is left out" >&2
fi

cd benchmarks/distributed
"$tmp/distributed" -dir "$tmp" ${args[@]+"${args[@]}"} "$@"
