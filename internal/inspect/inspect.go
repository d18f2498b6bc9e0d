// Package inspect has what all those share that take pools as Inspectors.
package inspect

import "reflect"

// IsNil reports whether there is no pool: nil, or a nil pointer to a pool of some type.
func IsNil(pool any) bool {
	v := reflect.ValueOf(pool)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}
