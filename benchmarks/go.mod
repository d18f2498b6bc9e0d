module github.com/boundedgo/workerpool/benchmarks

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/boundedgo/previous v0.0.0
	github.com/boundedgo/workerpool v0.0.0
	github.com/gammazero/workerpool v1.3.0
	github.com/go-analyze/charts v0.6.4
	github.com/panjf2000/ants/v2 v2.12.1
	github.com/sourcegraph/conc v0.3.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da
	golang.org/x/sync v0.25.0
)

require (
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/gammazero/deque v1.2.2 // indirect
	github.com/go-analyze/bulk v0.1.6 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/image v0.46.0 // indirect
)

replace github.com/boundedgo/workerpool => ../

// The contender "previous", which is built only with the tag of that name. Here it is the
// library as it is, spelled differently since no directory may stand for two modules;
// scripts/benchmarks.sh puts another revision in its place.
replace github.com/boundedgo/previous => ./../
