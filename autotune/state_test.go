package autotune

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestStateString(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := State{Size: 20, From: 20, Moved: time.Now(), Reason: Began}
		assert.Equal(t, "tuned to 20 workers: began", s.String())
		s.Size, s.Reason = 18, Throttled
		time.Sleep(4 * time.Second)
		assert.Equal(t, "tuned from 20 to 18 workers 4s ago: attempts were turned away or timed out", s.String())
		s.Ended = true
		assert.Equal(t, "tuned from 20 to 18 workers 4s ago, and ended: attempts were turned away or timed out", s.String())
	})
}
