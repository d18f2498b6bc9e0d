module github.com/boundedgo/workerpool/mutants

go 1.25

require github.com/boundedgo/workerpool v0.0.0

replace github.com/boundedgo/workerpool => ../
