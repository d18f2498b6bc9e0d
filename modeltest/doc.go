// Package modeltest tests the pool with programs that nobody wrote.
//
// What it checks, in the words of the guarantees: every accepted job has exactly one
// outcome, and the right one; no more jobs run or wait than may; whoever waits is
// waiting for something; and at the end nothing is left.
//
//   - TestModel draws plans: what several callers do with a pool, in rounds, and what
//     the jobs do. Each plan is carried out in a synctest bubble, where "nobody can go
//     on" is a fact that can be asked for: that is when the pool is compared with the
//     model. A plan that fails is shrunk to the smallest that still does.
//   - FuzzModel has the same plans drawn by the coverage of the pool's code.
//   - TestHistory lets callers loose on real threads, without rounds, and judges what
//     they have seen by the order in which calls began and returned.
//   - TestLinear has the same judged by a checker for linearizability.
//   - TestLeak looks with the runtime's own leak detector (GOEXPERIMENT=goroutineleakprofile).
//
// A failure of the first three can be run again, and says how. Of the others what has
// happened is shown: the schedule, which nothing brings back, is all there is to them.
package modeltest
