module github.com/boundedgo/workerpool/plots

go 1.26

require (
	github.com/boundedgo/workerpool v0.0.0
	github.com/go-analyze/charts v0.6.4
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-analyze/bulk v0.1.6 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/image v0.45.0 // indirect
)

replace github.com/boundedgo/workerpool => ../
