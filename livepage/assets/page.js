// The page keeps itself up to date by the events that its own URL sends. All that it shows
// comes as text and is set as text: no markup is ever made of it.
'use strict';
(() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const KEEP = 5 * 60 * 1000; // ms of the charts, as on the server
  const histories = new Map(); // of each pool, by its ID
  const pausedPools = new Set(); // their IDs
  let paused = false, latest = null, source = null;

  const $ = (id) => document.getElementById(id);

  // make returns an element with attributes and children, which are elements or texts.
  function make(tag, attrs = {}, ...children) {
    const svg = ['svg', 'g', 'line', 'polyline', 'rect', 'text'].includes(tag);
    const e = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attrs)) e.setAttribute(name, value);
    e.append(...children);
    return e;
  }

  function duration(seconds) {
    const units = [['h', 3600], ['min', 60], ['s', 1], ['ms', 1e-3], ['µs', 1e-6]];
    if (seconds === 0) return '0';
    for (const [unit, size] of units) {
      if (seconds >= size) return digits(seconds / size) + ' ' + unit;
    }
    return digits(seconds * 1e9) + ' ns';
  }

  // toGo is for seconds that are still to pass: whole ones, and none too few.
  const toGo = (seconds) => duration(Math.ceil(seconds));

  // digits shows three of a number, and no more after the point than are worth it.
  function digits(n) {
    if (n >= 1e6) return (n / 1e6).toFixed(n < 1e7 ? 2 : 1) + ' M';
    if (n >= 1e4) return (n / 1e3).toFixed(n < 1e5 ? 1 : 0) + ' k';
    if (n >= 100) return n.toFixed(0);
    return String(Number(n.toFixed(n >= 10 ? 1 : 2)));
  }

  const rate = (n) => (n < 10 ? n.toFixed(1) : digits(Math.round(n)));
  const title = (pool) => pool.name || '(no name)';
  const bad = (pool) => ['saturated', 'blocked', 'stuck', 'failing'].includes(pool.state);
  const timed = (pool, text) => (pool.timed ? text : '–');

  function summaryRow(pool) {
    const cells = [
      `${pool.busy} of ${pool.workers}`, `${pool.queued} of ${pool.capacity}`, timed(pool, duration(pool.oldest)),
      rate(pool.rates.completed), rate(pool.rates.failed), rate(pool.rates.retried), rate(pool.rates.rejected),
      timed(pool, duration(pool.wait.p95)), timed(pool, duration(pool.run.p50)), timed(pool, duration(pool.run.p95)),
    ];
    return make('tr', {},
      make('th', { scope: 'row' }, make('a', { href: '#pool-' + pool.id }, title(pool))),
      make('td', {}, make('span', { class: 'state ' + pool.state }, pool.state), ...(pool.paused ? [' ', make('span', { class: 'togo' }, toGo(pool.paused))] : [])),
      ...cells.map((text) => make('td', {}, text)));
  }

  // gauge shows how much of what there is is taken; held is what comes on top of that, of workers.
  function gauge(name, value, most, kind, held = 0) {
    const share = most > 0 ? Math.min(1, value / most) : value > 0 ? 1 : 0;
    const more = most > 0 ? Math.min(1 - share, held / most) : 0;
    const text = `${digits(value)} of ${digits(most)}` + (held ? `, ${digits(held)} held back` : '');
    const bar = make('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${name}: ${text}` },
      make('rect', { class: 'fill ' + kind, width: 100 * share, height: 10 }),
      make('rect', { class: 'fill held', x: 100 * share, width: 100 * more, height: 10 }));
    return make('div', { class: 'gauge' + (share === 1 && kind === 'queue' && most > 0 ? ' full' : '') },
      make('div', {}, make('span', {}, name), make('b', {}, text)), bar);
  }

  function tiles(pool) {
    const list = [
      ['Come/s', rate(pool.rates.come)], ['Done/s', rate(pool.rates.completed)], ['Done', digits(pool.completed)],
      ['Failed', digits(pool.failed)], ['Refused', digits(pool.rejected)], ['Submitters waiting', digits(pool.waiting)], ['Results unread', digits(pool.unread)],
    ];
    // Those that come of retries and pauses, where there have been any.
    if (pool.retries || pool.retrying) list.push(['Attempts', digits(pool.attempts)], ['Tried again', digits(pool.retries)], ['Waiting to be tried again', digits(pool.retrying)]);
    if (pool.throttled) list.push(['Throttled', digits(pool.throttled)]);
    if (pool.timedOut) list.push(['Timed out', digits(pool.timedOut)]);
    if (pool.timed) {
      list.push(
        ['Oldest in queue', duration(pool.oldest)], ['Workers needed', pool.need ? digits(Math.ceil(pool.need * 10) / 10) : '0'],
        ['Wait: half, 95%, 99% are below', quantiles(pool.wait), 'wide'], ['Run: half, 95%, 99% are below', quantiles(pool.run), 'wide']);
    }
    return make('dl', { class: 'tiles' },
      ...list.map(([name, value, kind]) => make('div', { class: kind || '' }, make('dt', {}, name), make('dd', {}, value))));
  }

  const quantiles = (times) => [times.p50, times.p95, times.p99].map(duration).join(' · ');

  // niceMax is the least round number that is not less than n.
  function niceMax(n) {
    if (n <= 1) return 1;
    const power = 10 ** Math.floor(Math.log10(n));
    return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= n);
  }

  // chart draws lines over the time of the history, from zero. A series is a name, a class
  // and a function of a point.
  function chart(caption, points, series, floor) {
    const width = 300, height = 100, left = 34, bottom = 14, top = 6;
    const end = points.length ? Date.parse(points[points.length - 1].time) : Date.now();
    const begin = points.length ? Math.max(Date.parse(points[0].time), end - KEEP) : end;
    const span = Math.max(30000, end - begin);
    const max = niceMax(Math.max(floor, ...points.flatMap((p) => series.map((s) => s.of(p)))));
    const x = (t) => left + (width - left) * (1 - (end - t) / span);
    const y = (v) => height - bottom - (height - bottom - top) * (v / max);
    const last = points[points.length - 1];
    const now = series.map((s) => `${s.name} ${last ? digits(Math.round(s.of(last) * 10) / 10) : 0}`).join(', ');
    const svg = make('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${caption}, now: ${now}` });
    for (const v of [0, max / 2, max]) {
      svg.append(make('line', { class: 'axis', x1: left, x2: width, y1: y(v), y2: y(v) }));
      svg.append(make('text', { x: left - 4, y: y(v) + 3, 'text-anchor': 'end' }, digits(v)));
    }
    svg.append(make('text', { x: left, y: height - 2 }, '−' + duration(Math.round(span / 1000))), make('text', { x: width, y: height - 2, 'text-anchor': 'end' }, 'now'));
    for (const [from, to] of pauses(points)) svg.append(make('rect', { class: 'pause', x: x(from), y: top, width: Math.max(1, x(to) - x(from)), height: height - bottom - top }));
    for (const s of series) {
      const at = points.map((p) => `${x(Date.parse(p.time)).toFixed(1)},${y(s.of(p)).toFixed(1)}`).join(' ');
      svg.append(make('polyline', { class: 's-' + s.kind, points: at }));
    }
    const key = (s) => make('span', { class: 'key' },
      make('svg', { 'aria-hidden': 'true', viewBox: '0 0 18 4' }, make('line', { class: 's-' + s.kind, x1: 0, x2: 18, y1: 2, y2: 2 })), s.name);
    return make('figure', {}, make('figcaption', {}, make('strong', {}, caption), ...series.map(key)), svg);
  }

  // pauses returns the times between which a pool was seen to be paused.
  function pauses(points) {
    const spans = [];
    points.forEach((p, i) => {
      if (!p.paused) return;
      const to = Date.parse(p.time), before = points[i - 1];
      if (before && before.paused && spans.length) spans[spans.length - 1][1] = to;
      else spans.push([before ? Date.parse(before.time) : to, to]);
    });
    return spans;
  }

  function charts(pool, points) {
    const retried = pool.retries || pool.retrying ? [{ name: 'tried again', kind: 'retried', of: (p) => p.retried }] : [];
    const held = points.some((p) => p.held) ? [{ name: 'held back', kind: 'held', of: (p) => p.held }] : [];
    return make('div', { class: 'charts' },
      chart('Jobs/s', points, [
        { name: 'come', kind: 'accepted', of: (p) => p.come }, { name: 'done', kind: 'completed', of: (p) => p.completed },
        { name: 'failed', kind: 'failed', of: (p) => p.failed }, { name: 'refused', kind: 'rejected', of: (p) => p.rejected }, ...retried,
      ], 1),
      chart('Queue', points, [{ name: 'queued', kind: 'queued', of: (p) => p.queued }, { name: 'places', kind: 'capacity', of: () => pool.capacity }], 1),
      chart('Workers', points, [{ name: 'busy', kind: 'busy', of: (p) => p.busy }, { name: 'workers', kind: 'workers', of: (p) => p.workers }, ...held], 1));
  }

  function jobs(pool) {
    const none = pool.timed ? 'No job runs.' : 'Made without WithTiming.';
    const rows = (pool.running || []).map((j) => make('li', {},
      make('span', {}, duration(j.for)), make('span', {}, j.text + (j.attempt > 1 ? ` (attempt ${j.attempt})` : '') + (j.inHook ? ' (in a hook)' : ''))));
    return make('section', {}, make('h3', {}, 'Running longest'),
      make('ol', {}, ...(rows.length ? rows : [make('li', { class: 'none' }, none)])));
  }

  function errors(pool) {
    const rows = (pool.errors || []).slice(0, 6).map((g) => {
      const again = !g.retried ? '' : g.retried === g.count ? ' (tried again)' : ` (${digits(g.retried)} tried again)`;
      const text = make('span', {}, g.text + again);
      if (g.stack) text.append(make('details', { 'data-keep': g.text }, make('summary', {}, 'stack of the panic'), make('pre', {}, g.stack)));
      return make('li', {}, make('span', {}, '× ' + digits(g.count)), text, make('time', { datetime: g.last }, new Date(g.last).toLocaleTimeString()));
    });
    return make('section', {}, make('h3', {}, 'Errors'),
      make('ul', {}, ...(rows.length ? rows : [make('li', { class: 'none' }, 'None seen. Errors take the hooks of the page.')])));
  }

  // throttle says that a pool is paused, where it is to be seen at once.
  function throttle(pool) {
    if (pool.paused) {
      return [make('p', { class: 'throttle' }, make('strong', {}, 'Paused'), ' until ',
        make('time', { datetime: pool.pausedUntil }, new Date(pool.pausedUntil).toLocaleTimeString()), `, ${toGo(pool.paused)} to go`)];
    }
    return pool.probing ? [make('p', { class: 'throttle probing' }, make('strong', {}, 'Probing'), ', after a pause')] : [];
  }

  // announce tells those who do not see the page which pools are paused, and which go on.
  function announce(view) {
    const news = [];
    for (const pool of view.pools) {
      const now = Boolean(pool.paused || pool.probing);
      if (now !== pausedPools.has(pool.id)) news.push(title(pool) + (now ? ' is paused' : ' goes on'));
      if (now) pausedPools.add(pool.id);
      else pausedPools.delete(pool.id);
    }
    if (news.length) $('news').textContent = news.join(', ');
  }

  function card(pool) {
    return make('article', { id: 'pool-' + pool.id, class: bad(pool) ? 'bad' : '' },
      make('h2', {}, title(pool), make('span', { class: 'state ' + pool.state }, pool.state)),
      ...throttle(pool), make('p', { class: 'say' }, pool.say), ...(pool.note ? [make('p', { class: 'note' }, pool.note)] : []),
      make('div', { class: 'gauges' }, gauge('Busy workers', pool.busy, pool.workers, 'worker', pool.held), gauge('Queue', pool.queued, pool.capacity, 'queue')),
      tiles(pool), charts(pool, histories.get(pool.id) || []),
      make('div', { class: 'lists' }, jobs(pool), errors(pool)));
  }

  // remember adds what has come to the histories: all of it with the first event, and one
  // point with each further one.
  function remember(view) {
    const end = Date.parse(view.time);
    const seen = new Set();
    for (const pool of view.pools) {
      seen.add(pool.id);
      const points = pool.history || [];
      const old = points.length > 1 ? [] : histories.get(pool.id) || [];
      const last = old.length ? old[old.length - 1].time : '';
      histories.set(pool.id, old.concat(points.filter((p) => p.time !== last)).filter((p) => end - Date.parse(p.time) <= KEEP));
    }
    for (const id of histories.keys()) if (!seen.has(id)) histories.delete(id);
  }

  function draw(view) {
    const open = new Set([...document.querySelectorAll('details[open]')].map((d) => d.dataset.keep));
    const focused = document.activeElement && document.activeElement.closest('#summary a');
    const href = focused && focused.getAttribute('href');
    $('summary').tBodies[0].replaceChildren(...view.pools.map(summaryRow));
    $('pools').replaceChildren(...view.pools.map(card));
    for (const d of document.querySelectorAll('details')) d.open = open.has(d.dataset.keep);
    if (href) document.querySelector(`#summary a[href="${href}"]`)?.focus();
    $('process').textContent = `${view.process.host} · pid ${view.process.pid} · ${view.process.go}`;
    document.title = (view.pools.some(bad) ? '⚠ ' : '') + 'Worker pools';
    announce(view);
  }

  function live(text, off) {
    $('live').textContent = text;
    $('live').classList.toggle('off', Boolean(off));
  }

  function receive(view) {
    latest = view;
    remember(view);
    if (paused) return;
    live('● live, every ' + duration(view.every));
    draw(view);
  }

  // at is the URL of the page with a parameter more; others stay.
  function at(name, value) {
    const query = new URLSearchParams(location.search);
    query.set(name, value);
    return '?' + query;
  }

  // listen takes events. A browser tries again by itself when a connection is lost, but not
  // when something else answers, or when there are no more: then the page asks every so often,
  // and listens again when it gets an answer.
  function listen() {
    source = new EventSource(at('format', 'events'));
    source.onmessage = (e) => receive(JSON.parse(e.data));
    source.onerror = () => {
      live('○ not connected', true);
      if (source.readyState === EventSource.CLOSED) setTimeout(ask, 2000);
    };
  }

  async function ask() {
    try {
      const answer = await fetch(at('format', 'json'), { cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.statusText);
      receive(await answer.json());
      listen();
    } catch {
      live('○ not connected', true);
      setTimeout(ask, 2000);
    }
  }

  function pause() {
    paused = !paused;
    $('pause').setAttribute('aria-pressed', String(paused));
    $('pause').textContent = paused ? 'Go on' : 'Pause';
    if (paused) live('❚❚ paused');
    else if (latest) receive(latest);
  }

  function theme(next) {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches;
    document.documentElement.dataset.theme = next || (dark ? 'light' : 'dark');
    try {
      localStorage.setItem('workerpool-theme', document.documentElement.dataset.theme);
    } catch { /* it is for this page only then */ }
  }

  try {
    const chosen = localStorage.getItem('workerpool-theme');
    if (chosen === 'light' || chosen === 'dark') theme(chosen);
  } catch { /* there is no storage */ }
  $('pause').hidden = $('theme').hidden = false;
  $('pause').addEventListener('click', pause);
  $('theme').addEventListener('click', () => theme());
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'p') pause();
    if (e.key === 't') theme();
  });
  listen();
})();
