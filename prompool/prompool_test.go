package prompool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/prompool"
)

// work takes as many seconds as its job says, fails below 0, and panics at 13.
func work(_ context.Context, n int) (int, error) {
	if n == 13 {
		panic(n)
	}
	time.Sleep(time.Duration(max(n, -n)) * time.Second)
	if n < 0 {
		return 0, errors.New("below zero")
	}
	return n, nil
}

func newPool(t *testing.T, name string, opts ...workerpool.Option) *workerpool.Pool[int, int] {
	t.Helper()
	p, err := workerpool.New(work, append(opts, workerpool.WithName(name), workerpool.WithWorkers(2), workerpool.WithBuffer(2))...)
	require.NoError(t, err)
	return p
}

const wantGauges = `
# HELP workerpool_pause_remaining_seconds For how long no job starts because of a RetryAfter.
# TYPE workerpool_pause_remaining_seconds gauge
workerpool_pause_remaining_seconds{pool="thumbs"} 0
# HELP workerpool_paused 1 from a RetryAfter until jobs may start as ever, else 0.
# TYPE workerpool_paused gauge
workerpool_paused{pool="thumbs"} 0
# HELP workerpool_queue_capacity How many jobs may wait for a worker.
# TYPE workerpool_queue_capacity gauge
workerpool_queue_capacity{pool="thumbs"} 2
# HELP workerpool_queue_oldest_task_seconds How long the job has waited that has waited longest.
# TYPE workerpool_queue_oldest_task_seconds gauge
workerpool_queue_oldest_task_seconds{pool="thumbs"} 5
# HELP workerpool_queue_tasks Jobs that wait for a worker.
# TYPE workerpool_queue_tasks gauge
workerpool_queue_tasks{pool="thumbs"} 1
# HELP workerpool_results_unread Results that nobody has read.
# TYPE workerpool_results_unread gauge
workerpool_results_unread{pool="thumbs"} 1
# HELP workerpool_task_longest_running_seconds How long the job has run that has run longest.
# TYPE workerpool_task_longest_running_seconds gauge
workerpool_task_longest_running_seconds{pool="thumbs"} 5
# HELP workerpool_tasks_completed_total Jobs that have an outcome.
# TYPE workerpool_tasks_completed_total counter
workerpool_tasks_completed_total{outcome="canceled",pool="thumbs"} 0
workerpool_tasks_completed_total{outcome="error",pool="thumbs"} 1
workerpool_tasks_completed_total{outcome="ok",pool="thumbs"} 1
workerpool_tasks_completed_total{outcome="panic",pool="thumbs"} 1
# HELP workerpool_tasks_rejected_total Calls that were refused.
# TYPE workerpool_tasks_rejected_total counter
workerpool_tasks_rejected_total{pool="thumbs"} 1
# HELP workerpool_tasks_submitted_total Jobs that were accepted.
# TYPE workerpool_tasks_submitted_total counter
workerpool_tasks_submitted_total{pool="thumbs"} 6
# HELP workerpool_workers Workers, by what they do.
# TYPE workerpool_workers gauge
workerpool_workers{pool="thumbs",state="busy"} 2
workerpool_workers{pool="thumbs",state="held"} 0
workerpool_workers{pool="thumbs",state="idle"} 0
# HELP workerpool_workers_limit How many jobs may run at once.
# TYPE workerpool_workers_limit gauge
workerpool_workers_limit{pool="thumbs"} 2
`

func TestCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, "thumbs", workerpool.WithTiming())
		c := prompool.NewCollector(p)
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registry.Register(c))

		assert.NoError(t, p.TrySubmit(1))
		_, err := p.Do(t.Context(), -2)
		assert.Error(t, err)
		_, err = p.Do(t.Context(), 13)
		assert.Error(t, err)
		for range 2 {
			assert.NoError(t, p.TrySubmit(60))
			synctest.Wait()
		}
		assert.NoError(t, p.TrySubmit(1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Error(t, p.Submit(ctx, 1))
		time.Sleep(5 * time.Second)
		assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(wantGauges),
			"workerpool_queue_capacity", "workerpool_queue_oldest_task_seconds", "workerpool_queue_tasks", "workerpool_results_unread",
			"workerpool_task_longest_running_seconds", "workerpool_tasks_completed_total", "workerpool_tasks_rejected_total",
			"workerpool_tasks_submitted_total", "workerpool_workers", "workerpool_workers_limit",
			"workerpool_paused", "workerpool_pause_remaining_seconds"))

		ok := histogram(t, registry, "workerpool_task_run_seconds", "ok")
		assert.Equal(t, uint64(1), ok.GetSampleCount())
		assert.InDelta(t, 1, ok.GetSampleSum(), 1e-9)
		for _, b := range ok.GetBucket() {
			want := uint64(0)
			if b.GetUpperBound() > 1 {
				want = 1
			}
			assert.Equal(t, want, b.GetCumulativeCount(), b.GetUpperBound())
		}
		assert.Equal(t, uint64(2), histogram(t, registry, "workerpool_task_run_seconds", "error").GetSampleCount())
		assert.Equal(t, uint64(3), histogram(t, registry, "workerpool_task_wait_seconds", "").GetSampleCount())

		c.Remove(p)
		families, err := registry.Gather()
		assert.NoError(t, err)
		assert.Empty(t, families)
		p.Stop()
	})
}

const wantThrottled = `
# HELP workerpool_pause_remaining_seconds For how long no job starts because of a RetryAfter.
# TYPE workerpool_pause_remaining_seconds gauge
workerpool_pause_remaining_seconds{pool="partner"} 20
# HELP workerpool_paused 1 from a RetryAfter until jobs may start as ever, else 0.
# TYPE workerpool_paused gauge
workerpool_paused{pool="partner"} 1
# HELP workerpool_retrying_tasks Jobs that wait for their next attempt.
# TYPE workerpool_retrying_tasks gauge
workerpool_retrying_tasks{pool="partner"} 1
# HELP workerpool_task_attempts_total Calls of the function that have ended.
# TYPE workerpool_task_attempts_total counter
workerpool_task_attempts_total{pool="partner"} 2
# HELP workerpool_task_retries_total Calls of the function that were not the first for their task.
# TYPE workerpool_task_retries_total counter
workerpool_task_retries_total{pool="partner"} 1
# HELP workerpool_task_throttled_total Calls of the function that brought a RetryAfter.
# TYPE workerpool_task_throttled_total counter
workerpool_task_throttled_total{pool="partner"} 1
# HELP workerpool_task_timeouts_total Calls of the function that the job timeout has ended.
# TYPE workerpool_task_timeouts_total counter
workerpool_task_timeouts_total{pool="partner"} 1
# HELP workerpool_workers Workers, by what they do.
# TYPE workerpool_workers gauge
workerpool_workers{pool="partner",state="busy"} 0
workerpool_workers{pool="partner",state="held"} 1
workerpool_workers{pool="partner",state="idle"} 1
`

// A job that times out and then is told to come again later, and one that waits with it.
func TestCollector_Throttled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p, err := workerpool.New(func(ctx context.Context, _ int) (int, error) {
			switch calls++; calls {
			case 1:
				<-ctx.Done()
				return 0, ctx.Err()
			case 2:
				return 0, workerpool.RetryAfter(errors.New("429"), 30*time.Second)
			}
			return 0, nil
		}, workerpool.WithName("partner"), workerpool.WithWorkers(2), workerpool.WithJobTimeout(time.Second),
			workerpool.WithRetry(func(int, error) (time.Duration, bool) { return 0, true }))
		require.NoError(t, err)
		c := prompool.NewCollector(p)
		assert.NoError(t, p.TrySubmit(1))
		time.Sleep(time.Second)
		synctest.Wait()
		assert.NoError(t, p.TrySubmit(2))
		time.Sleep(10 * time.Second)
		names := []string{
			"workerpool_pause_remaining_seconds", "workerpool_paused", "workerpool_retrying_tasks", "workerpool_task_attempts_total",
			"workerpool_task_retries_total", "workerpool_task_throttled_total", "workerpool_task_timeouts_total", "workerpool_workers",
		}
		assert.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(wantThrottled), names...))
		p.Stop()
	})
}

const wantDemand = `
# HELP workerpool_bulk_calls Bulk calls and streams that are not finished.
# TYPE workerpool_bulk_calls gauge
workerpool_bulk_calls{pool="batch"} 1
workerpool_bulk_calls{pool="thumbs"} 0
# HELP workerpool_short_calls Bulk calls that have jobs for more workers than there are.
# TYPE workerpool_short_calls gauge
workerpool_short_calls{pool="batch"} 1
workerpool_short_calls{pool="thumbs"} 0
# HELP workerpool_waiting_calls Calls of Submit and Do that wait for a place.
# TYPE workerpool_waiting_calls gauge
workerpool_waiting_calls{pool="batch"} 0
workerpool_waiting_calls{pool="thumbs"} 2
`

// Those who have more for a pool than it can take.
func TestCollector_Demand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		thumbs, batch := newPool(t, "thumbs"), newPool(t, "batch")
		c := prompool.NewCollector(thumbs, batch)
		for range 6 { // two run, two are in the queue
			go func() { _, _ = thumbs.Do(t.Context(), 60) }()
		}
		go func() { _, _ = batch.Map(t.Context(), []int{60, 60, 60}) }()
		time.Sleep(time.Second)
		assert.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(wantDemand), "workerpool_bulk_calls", "workerpool_short_calls", "workerpool_waiting_calls"))
		thumbs.Stop()
		batch.Stop()
	})
}

// histogram finds one among what was gathered.
func histogram(t *testing.T, g prometheus.Gatherer, name, outcome string) *dto.Histogram {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			is := ""
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" {
					is = l.GetValue()
				}
			}
			if f.GetName() == name && is == outcome {
				return m.GetHistogram()
			}
		}
	}
	t.Fatalf("no %s of %q", name, outcome)
	return nil
}

func TestCollector_SeveralPoolsAndNoTiming(t *testing.T) {
	first, second := newPool(t, "first"), newPool(t, "second")
	defer first.Stop()
	defer second.Stop()
	c := prompool.NewCollector(first)
	c.Add(second)
	problems, err := testutil.CollectAndLint(c)
	assert.NoError(t, err)
	assert.Empty(t, problems)
	assert.Equal(t, 2*3, testutil.CollectAndCount(c, "workerpool_workers"))
	assert.Equal(t, 0, testutil.CollectAndCount(c, "workerpool_task_run_seconds"))
}

// Whatever pools are called, or not, Prometheus gets all of them.
func TestCollector_OddNames(t *testing.T) {
	c := prompool.NewCollector(nil, (*workerpool.Pool[int, int])(nil))
	for _, name := range []string{"thumbs", "thumbs", "", "", "\xff"} {
		p := newPool(t, name, workerpool.WithTiming())
		defer p.Stop()
		c.Add(p)
	}
	want := "# HELP workerpool_workers_limit How many jobs may run at once.\n# TYPE workerpool_workers_limit gauge\n"
	for _, name := range []string{"", "#2", "thumbs", "thumbs#2", "�"} {
		want += fmt.Sprintf("workerpool_workers_limit{pool=%q} 2\n", name)
	}
	assert.NoError(t, testutil.CollectAndCompare(c, strings.NewReader(want), "workerpool_workers_limit"))
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	_, err := registry.Gather()
	assert.NoError(t, err)
}

// A pool may be called as one of several with the same name would be: wherever it comes in the
// order of Add, it keeps its name, and each pool has the same one in each scrape.
func TestCollector_NamesWithNumbers(t *testing.T) {
	for _, names := range []struct{ given, got []string }{
		{[]string{"a", "a", "a#2"}, []string{"a", "a#3", "a#2"}},
		{[]string{"a", "a#2", "a"}, []string{"a", "a#2", "a#3"}},
		{[]string{"a#2", "a", "a"}, []string{"a#2", "a", "a#3"}},
		{[]string{"a", "a", "a", "a#3"}, []string{"a", "a#2", "a#4", "a#3"}},
		{[]string{"a", "a#2", "a", "a#2"}, []string{"a", "a#2", "a#3", "a#2#2"}},
		{[]string{"", "", "#2"}, []string{"", "#3", "#2"}},
		{[]string{"\xff", "\xfe", "�#2"}, []string{"�", "�#3", "�#2"}},
	} {
		c := prompool.NewCollector()
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(c)
		want := map[string]int{}
		for i, name := range names.given {
			p, err := workerpool.New(work, workerpool.WithName(name), workerpool.WithWorkers(i+1))
			require.NoError(t, err)
			defer p.Stop()
			c.Add(p)
			want[names.got[i]] = i + 1
		}
		for range 3 {
			assert.Equal(t, want, limits(t, registry), "%q", names.given)
		}
	}
}

// limits is how many workers each pool may have, by the label pool.
func limits(t *testing.T, g prometheus.Gatherer) map[string]int {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	limits := map[string]int{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "workerpool_workers_limit" {
				limits[m.GetLabel()[0].GetValue()] = int(m.GetGauge().GetValue())
			}
		}
	}
	return limits
}

// Every metric that the dashboard asks for is one that there is, and every one that there is
// is on it.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	exported := map[string]bool{}
	descs := make(chan *prometheus.Desc, 100)
	prompool.NewCollector().Describe(descs)
	close(descs)
	for d := range descs {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
		exported[name] = true
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	asked := map[string]bool{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			names := regexp.MustCompile(`workerpool_\w+`).FindAllString(target.Expr, -1)
			assert.NotEmpty(t, names, p.Title)
			for _, name := range names {
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					if base, ok := strings.CutSuffix(name, suffix); ok && exported[base] {
						name = base
					}
				}
				assert.True(t, exported[name], "%s asks for %s", p.Title, name)
				asked[name] = true
			}
			assert.Contains(t, target.Expr, `{pool=~"$pool"`, p.Title)
		}
	}
	assert.Equal(t, exported, asked)
}

func ExampleNewCollector() {
	fetch := func(context.Context, string) (int, error) { return 200, nil }
	pool, err := workerpool.New(fetch, workerpool.WithName("pages"), workerpool.WithTiming())
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prompool.NewCollector(pool))
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	if _, err := pool.Do(context.Background(), "https://example.com"); err != nil {
		panic(err)
	}
	page := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.Contains(line, `outcome="ok"`) && strings.HasPrefix(line, "workerpool_tasks") {
			fmt.Print(line)
		}
	}
	// Output:
	// workerpool_tasks_completed_total{outcome="ok",pool="pages"} 1
}
