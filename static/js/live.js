/* What moves by itself: one EventSource for the page, parts that refetch themselves, ages that
   tick, and greying of what has not been seen for too long.

   A part says what it depends on and how to fetch itself:
     <section id="verdict" data-live="cluster:clusterubd: node:clusterubd:*"
              hx-get="/clusters/clusterubd/" hx-target="this" hx-swap="outerHTML" hx-trigger="refresh">
   A hint {cluster, kind, key} says only that something changed; the part asks for itself, so that
   permissions stay in one place on the server. */

const LEAST_GAP = 300; // ms between two fetches of one part when something changed
const FIGURES_GAP = 1000; // ms when only figures moved; data-live-gap sets another
const JITTER = 100; // ms, so that many browsers do not ask in the same instant
const POLL_FIRST = 2000;
const POLL_MOST = 30000;
const HIDDEN_GRACE = 10000; // a tab nobody looks at gives its connection back after this

const root = document.documentElement;
const url = document.body.dataset.events;
const units = (document.body.dataset.units || "s min h d").split(" ");
// The server's clock decides about ages, whatever this machine's clock says.
const skew = document.body.dataset.now ? Date.parse(document.body.dataset.now) - Date.now() : 0;
const parts = new Map(); // element id -> {timer, last, busy, again}

let source = null;
let lastId = "";
let pollTimer = 0;
let pollGap = POLL_FIRST;
let hiddenTimer = 0;

const now = () => Date.now() + skew;
const liveParts = () => document.querySelectorAll("[data-live][hx-get]");

function depends(element, hint) {
  return element.dataset.live.split(/\s+/).some((token) => {
    const [kind, cluster, key] = token.split(":");
    return kind === hint.kind && (cluster === "*" || cluster === hint.cluster)
      && (key === "*" || key === undefined || hint.key === "" || key === String(hint.key));
  });
}

/* What changed is fetched at once; figures move every second, and a part may ask for fewer of them. */
function refresh(element, onlyFigures = false) {
  const part = parts.get(element.id) || { last: 0 };
  parts.set(element.id, part);
  if (part.busy) { part.again = part.again === false ? false : onlyFigures; return; }
  const gap = onlyFigures ? Number(element.dataset.liveGap) || FIGURES_GAP : LEAST_GAP;
  const due = Math.max(Date.now(), part.last + gap) + Math.random() * JITTER;
  if (part.timer && part.due <= due) return;
  clearTimeout(part.timer);
  part.due = due;
  part.timer = setTimeout(() => {
    part.timer = 0;
    const current = document.getElementById(element.id);
    if (!current) return;
    part.busy = true;
    part.last = Date.now();
    window.htmx.trigger(current, "refresh");
  }, due - Date.now());
}

function refreshAll() { liveParts().forEach((element) => refresh(element)); }

document.addEventListener("htmx:afterRequest", (event) => {
  // Not detail.elt: that is an ancestor once the part itself was replaced.
  const { id } = event.detail.requestConfig.elt;
  const part = parts.get(id);
  if (!part) return;
  part.busy = false;
  const { again } = part;
  part.again = undefined; // undefined: not asked for meanwhile; else whether only figures moved
  const current = again !== undefined && document.getElementById(id);
  if (current) refresh(current, again);
});

function hear(hint) {
  if (hint.kind === "seen") { seen(hint.cluster, hint.key); return; }
  const onlyFigures = hint.kind === "metrics";
  liveParts().forEach((element) => { if (depends(element, hint)) refresh(element, onlyFigures); });
}

/* A round of observation that found no change is still news: what is shown is fresh again. */
function seen(cluster, stamp) {
  document.querySelectorAll(`[data-seen="${CSS.escape(cluster)}"]`).forEach((element) => {
    if (element.dataset.observedAt) element.dataset.observedAt = stamp;
    if (element.dataset.age) element.dataset.age = stamp;
  });
  tick();
}

function show(state) {
  if (root.dataset.connection !== state) root.dataset.connection = state;
}

function connect() {
  if (!url || source || document.hidden) return;
  source = new EventSource(lastId ? `${url}?last_event_id=${encodeURIComponent(lastId)}` : url);
  source.addEventListener("open", () => {
    if (root.dataset.connection === "polling") refreshAll();
    show("live");
    stopPolling();
  });
  source.addEventListener("changed", (event) => {
    lastId = event.lastEventId || lastId;
    hear(JSON.parse(event.data));
  });
  source.addEventListener("reset", () => { lastId = ""; refreshAll(); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) source = null;
    show(pollTimer ? "polling" : "reconnecting");
    startPolling();
  });
}

function disconnect() {
  if (source) source.close();
  source = null;
  stopPolling();
}

function startPolling() {
  if (pollTimer) return;
  pollTimer = setTimeout(() => {
    pollTimer = 0;
    if (document.hidden || root.dataset.connection === "live") return;
    show("polling");
    refreshAll();
    if (!source) connect();
    pollGap = Math.min(POLL_MOST, pollGap * 1.5);
    startPolling();
  }, pollGap);
}

function stopPolling() {
  clearTimeout(pollTimer);
  pollTimer = 0;
  pollGap = POLL_FIRST;
}

/* Whoever comes back or touches the page wants to know now, not in half a minute. */
function attend() {
  if (pollGap > POLL_FIRST * 2 && root.dataset.connection !== "live") {
    stopPolling();
    startPolling();
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(disconnect, HIDDEN_GRACE);
  } else {
    if (!source) { connect(); refreshAll(); }
    attend();
    tick();
  }
});
["pointerdown", "keydown"].forEach((name) => document.addEventListener(name, attend));
window.addEventListener("pagehide", disconnect);
window.addEventListener("pageshow", (event) => { if (event.persisted) { connect(); refreshAll(); } });

/* ---- Ages and staleness, once a second ------------------------------------------------------- */

/* The same words as the template filter `span` writes, so that nothing jumps at the first tick. */
function span(seconds) {
  const [s, min, h, d] = units;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} ${s}`;
  if (whole < 3600) return `${Math.floor(whole / 60)} ${min} ${whole % 60} ${s}`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} ${h} ${Math.floor((whole % 3600) / 60)} ${min}`;
  return `${Math.floor(whole / 86400)} ${d} ${Math.floor((whole % 86400) / 3600)} ${h}`;
}

function tick() {
  if (document.hidden) return;
  const moment = now();
  document.querySelectorAll("[data-age]").forEach((element) => {
    const text = span((moment - Date.parse(element.dataset.age)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  });
  document.querySelectorAll("[data-observed-at][data-stale-after]").forEach((element) => {
    const age = (moment - Date.parse(element.dataset.observedAt)) / 1000;
    const limit = Number(element.dataset.staleAfter);
    element.classList.toggle("is-stale", age > limit);
    if (age > limit * 0.8) confirm(element, limit);
  });
}

/* Before a part greys it asks once more: maybe it was seen and only this page was not told. */
function confirm(element, limit) {
  const part = element.closest("[data-live][hx-get]");
  if (part && Date.now() - (parts.get(part.id)?.last || 0) > limit * 1000) refresh(part);
}

setInterval(tick, 1000);
tick();
connect();
