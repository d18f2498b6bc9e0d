package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLines_RightAndComplete(t *testing.T) {
	r := runServer(t, nil)
	var names []string
	for _, s := range allSamples {
		names = append(names, s.name)
	}
	got := r.want("ann", names...)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, "application/x-ndjson", got.header.Get("Content-Type"))
	lines := got.rest()
	assert.Len(t, lines, len(allSamples))
	for i, s := range allSamples {
		l := lines[i]
		assert.True(t, s.matches(l), "%s: %d x %d %s, %s: %s", s.name, l.Width, l.Height, l.Type, l.Kind, l.Error)
		assert.Equal(t, r.samples.url(s.name, "ann"), l.URL)
		if s.kind == "" {
			assertQuarters(t, s, l.Data)
		}
	}
}

// assertQuarters looks at the middle of each quarter of a thumbnail.
func assertQuarters(t *testing.T, s sample, data []byte) {
	t.Helper()
	f, unknown := formatOf(data, allFormats())
	require.Nil(t, unknown)
	img, err := f.decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, image.Pt(s.width, s.height), img.Bounds().Size())
	for q, want := range quarterColours {
		if s.name == "logo.png" && q == 0 {
			want.A = 128
		}
		got := color.NRGBAModel.Convert(img.At(s.width/4+q%2*s.width/2, s.height/4+q/2*s.height/2)).(color.NRGBA)
		if s.name == "tall.jpeg" {
			y := color.GrayModel.Convert(want).(color.Gray).Y
			want = color.NRGBA{y, y, y, 255}
		}
		for _, d := range []int{int(want.R) - int(got.R), int(want.G) - int(got.G), int(want.B) - int(got.B), int(want.A) - int(got.A)} {
			assert.LessOrEqual(t, max(d, -d), 30, "%s, quarter %d: %v, not %v", s.name, q, got, want)
		}
	}
}

func TestLines_ComeWhileOthersAreHeld(t *testing.T) {
	r := runServer(t, nil)
	got := r.want("ann", "badge.gif", held, "chart.png")
	assert.Equal(t, 0, got.next().Index)
	assert.Equal(t, 2, got.next().Index)
	eventually(t, "the other one is being fetched", func() bool { return r.samples.asked("ann").open() == 1 })
	r.samples.release("ann")
	l := got.next()
	assert.Equal(t, 1, l.Index)
	assert.Empty(t, l.Kind)
	assert.Empty(t, got.rest())
}

func TestLines_OfManyAtOnce(t *testing.T) {
	const clients, pictures = 10, 20
	r := runServer(t, func(c *config) { c.buffer = clients * (1 + c.workers) }) // nobody is refused
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			var names []string
			for i := range pictures {
				names = append(names, []string{"badge.gif", "missing.jpeg"}[i%2])
			}
			a := r.later("many", names...)()
			assert.Len(t, a.lines, pictures)
			seen := make(map[int]bool)
			for _, l := range a.lines {
				seen[l.Index] = true
				assert.True(t, sampleNamed(names[l.Index]).matches(l))
			}
			assert.Len(t, seen, pictures)
		})
	}
	asking.Wait()
	p := r.pool.Stats()
	assert.EqualValues(t, clients*pictures, p.Completed)
	assert.EqualValues(t, clients*pictures/2, p.Failed)
	requests, lines := r.tally.counts()
	assert.Equal(t, [endings]int{answered: clients}, requests)
	assert.Equal(t, map[kind]int{"": clients * pictures / 2, kindStatus: clients * pictures / 2}, lines)
}

func TestClientThatLeaves_GivesUpOnlyItsPictures(t *testing.T) {
	r := runServer(t, nil)
	dora := r.want("dora", "badge.gif", held, held)
	ed := r.want("ed", "badge.gif", held, held)
	eventually(t, "all four are being fetched", func() bool {
		return r.samples.asked("dora").open() == 2 && r.samples.asked("ed").open() == 2
	})
	assert.Equal(t, 0, dora.next().Index)
	dora.leave()
	eventually(t, "hers are cancelled", func() bool { return r.samples.asked("dora").cancelled == 2 })
	eventually(t, "her request has ended", func() bool {
		requests, _ := r.tally.counts()
		return requests[left] == 1
	})
	assert.Equal(t, asked{begun: 3, complete: 1}, r.samples.asked("ed"))
	r.samples.release("ed")
	assert.Equal(t, map[int]kind{0: "", 1: "", 2: ""}, kindsOf(ed.rest()))
}

func TestClientThatLeaves_BeforeItsTurn(t *testing.T) {
	r := runServer(t, func(c *config) { c.workers = 1 })
	first := r.later("ed", held)
	eventually(t, "the worker is busy", func() bool { return r.samples.asked("ed").open() == 1 })
	ctx, leave := context.WithCancel(t.Context())
	urls := r.samples.urls("dora", "badge.gif", "chart.png")
	var dora sync.WaitGroup
	dora.Go(func() {
		_, err := ask(ctx, r.http, r.url, urls, nil)
		assert.ErrorIs(t, err, context.Canceled)
	})
	eventually(t, "dora waits", func() bool { return r.pool.Stats().Queued == 1 })
	leave()
	dora.Wait()
	eventually(t, "her request has ended", func() bool {
		requests, _ := r.tally.counts()
		return requests[left] == 1
	})
	r.samples.release("ed")
	assert.Len(t, first().lines, 1)
	eventually(t, "the pool is idle", func() bool { return r.pool.Stats().Queued+r.pool.Stats().Busy == 0 })
	assert.Zero(t, r.samples.asked("dora").begun)
}

func TestFull(t *testing.T) {
	r := runServer(t, func(c *config) { c.workers, c.buffer = 1, 1 })
	one := r.later("crowd", held)
	eventually(t, "the worker is busy", func() bool { return r.samples.asked("crowd").open() == 1 })
	two := r.later("crowd", held)
	eventually(t, "the queue is full", func() bool { return r.pool.Stats().Queued == 1 })

	got := r.want("fay", "badge.gif")
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.Equal(t, "full", got.problem().Kind)
	assert.Zero(t, r.samples.asked("fay").begun)

	r.samples.release("crowd")
	for _, wait := range []func() answer{one, two} {
		a := wait()
		require.Len(t, a.lines, 1)
		assert.Empty(t, a.lines[0].Kind)
	}
	assert.Equal(t, map[int]kind{0: ""}, kindsOf(r.want("fay", "badge.gif").rest()))
	requests, _ := r.tally.counts()
	assert.Equal(t, [endings]int{answered: 3, turnedAway: 1}, requests)
}

// A request that was let in is not refused later, however full the pool is.
func TestFull_IsNoTroubleOnceLetIn(t *testing.T) {
	r := runServer(t, func(c *config) { c.workers, c.buffer = 1, 1 })
	ann := r.want("ann", "badge.gif", held, "chart.png", "badge.gif")
	assert.Equal(t, 0, ann.next().Index)
	eventually(t, "the worker is busy", func() bool { return r.samples.asked("ann").open() == 1 })
	bob := r.later("bob", "chart.png")
	eventually(t, "the queue is full", func() bool { return r.pool.Stats().Queued == 1 })
	r.samples.release("ann")
	assert.Equal(t, map[int]kind{1: "", 2: "", 3: ""}, kindsOf(ann.rest()))
	assert.Len(t, bob().lines, 1)
}

func TestPoolThatIsClosed(t *testing.T) {
	r := runServer(t, nil)
	r.pool.Close()
	got := r.want("ann", "badge.gif", "chart.png")
	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "1", got.header.Get("Retry-After"))
	assert.Equal(t, problem{Kind: "closing", Error: "the server is shutting down"}, got.problem())
}
