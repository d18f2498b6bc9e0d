package main

import "fmt"

// times says how many times b makes a, such that "long as" or "many as" may follow.
func times(a, b float64) string {
	switch ratio := a / b; {
	case a == b:
		return "as"
	case ratio < 0.95:
		return fmt.Sprintf("%.2g times as", ratio)
	case ratio < 1.05:
		return "about as"
	default:
		return fmt.Sprintf("%.1f times as", ratio)
	}
}
