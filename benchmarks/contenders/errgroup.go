package contenders

import (
	"context"

	"golang.org/x/sync/errgroup"
)

func init() {
	register(110, Contender{
		Name:    "errgroup",
		Module:  "golang.org/x/sync",
		About:   "`errgroup.Group` with `SetLimit`; results go into a slice",
		Results: way[Run]("Go+slice", errgroupResults),
		Ordered: way[Run]("Go+slice", errgroupResults),
		Discard: way[Run]("Go", errgroupDiscard),
		Bursts:  way[Burst]("Go+slice", errgroupBursts),
		// Its Wait is for the whole group: there is none for a single job.
	})
}

// errgroupResults puts each value at its own index, as the package's example does. The
// group stops at nothing but keeps the first error, which is all it has to say of them.
func errgroupResults(size Size, fn Func, n int) (t Tally) {
	values := make([]int, n)
	var g errgroup.Group
	g.SetLimit(size.Workers)
	for i := range n {
		g.Go(func() (err error) {
			values[i], err = fn(context.Background(), i)
			return err
		})
	}
	err := g.Wait()
	for _, value := range values {
		t.Add(value, err)
	}
	return t
}

func errgroupDiscard(size Size, fn Func, n int) (t Tally) {
	var g errgroup.Group
	g.SetLimit(size.Workers)
	for i := range n {
		g.Go(func() error {
			_, err := fn(context.Background(), i)
			return err
		})
	}
	must(g.Wait())
	return t
}

// errgroupBursts makes a group for each burst: Wait ends one.
func errgroupBursts(size Size, fn Func, times, n int) (t Tally) {
	values := make([]int, n)
	for range times {
		var g errgroup.Group
		g.SetLimit(size.Workers)
		for i := range n {
			g.Go(func() (err error) {
				values[i], err = fn(context.Background(), i)
				return err
			})
		}
		err := g.Wait()
		for _, value := range values {
			t.Add(value, err)
		}
	}
	return t
}
