// Package autotune finds out what nobody has said: how many workers a pool should have, and
// how many requests a second a service allows.
//
// # The size
//
// [Start] begins to steer the number of workers of a pool, between a minimum and a maximum,
// by what [workerpool.Stats] says:
//
//	pool, err := workerpool.New(fetch, workerpool.WithWorkers(4), workerpool.WithTiming())
//	…
//	tuner, err := autotune.Start(ctx, pool, autotune.Config{Min: 1, Max: 500})
//	…
//	defer tuner.Stop()
//
// Close ends the tuner, since a pool that is closed cannot be resized, however many jobs it
// has yet. So who submits all there is and then closes waits in between:
//
//	err = pool.Wait(ctx) // all of it at the size that the tuner finds
//	pool.Close()
//
// It looks for the size beyond which more workers do not get more done, but only make each
// job take longer: the knee. There is no target to set, neither a latency nor a rate. It tries
// a size a little above or below and compares how long jobs take, which tells whether they
// wait for each other on the other side: see [State].
//
// It needs jobs that are more or less alike over some seconds, and a queue that has jobs in
// it: as long as there are no more jobs than workers it adds none, and takes away only those
// that it has no evidence for: of a size that never was too small for the jobs that there
// were, what is beyond half as many again as are busy. It takes some 10 s to find a size, and
// about as long to follow when that changes. It does not help where the other side sets a rate
// and not a number at once: that is what the limiter is for.
//
// # The rate
//
// [NewLimiter] returns a [workerpool.Limiter] that learns a quota from requests that are
// turned away:
//
//	pool, err := workerpool.New(call,
//		workerpool.WithLimiter(autotune.NewLimiter()),
//		workerpool.WithRetry(policy))
//
// It lets everything through until the first is turned away, and knows by what was let in
// meanwhile how much that is in a second. If the quota is known, and nobody else has a share
// in it, tell it to a limiter that is not learning: it costs no request.
//
// # Which of them
//
// A 429 does not say what there was too much of: requests a second, or requests at once. To
// have fewer workers because of a quota leaves much of it unused, and to slow down because
// of a bound on requests at once does too. Say which it is by what you use: the limiter if
// it is a rate. A [Tuner] beside it has to be told that: see [Config].IgnoreThrottled.
package autotune
