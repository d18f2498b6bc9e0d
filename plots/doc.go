// Package plots draws what the models of internal/sim show, and writes docs/autotune.md: `make
// plots`. It has tests only, since virtual time is to be had in a test.
package plots
