// Package browser tests the live page in a real browser: `make browser`.
package browser
