/* What moves by itself: one EventSource for the page, and parts that refetch themselves.

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
const SILENCE_MOST = 40000; // ms; the server says that it is alive every 15 s
const HIDDEN_GRACE = 10000; // a tab nobody looks at gives its connection back after this
const HEARD_MOST = 200; // hints remembered for parts that are still on their way here

const root = document.documentElement;
const url = document.body.dataset.events;
const parts = new Map(); // element id -> {timer, last, busy: the element that asks, again}
const sentAt = new WeakMap(); // request -> when it was sent
const heard = []; // {hint, at}, newest last

let source = null;
let lastId = document.body.dataset.lastHint || "";
let heardAt = 0;
let pollTimer = 0;
let pollGap = POLL_FIRST;
let hiddenTimer = 0;

const liveParts = () => document.querySelectorAll("[data-live][hx-get]");

function depends(element, hint) {
  return element.dataset.live.split(/\s+/).some((token) => {
    const [kind, cluster, key] = token.split(":");
    return kind === hint.kind && (cluster === "*" || cluster === hint.cluster)
      && (key === "*" || key === undefined || hint.key === "" || key === String(hint.key));
  });
}

/* An element that was replaced while it asked tells nobody of its answer, and its answer goes nowhere. */
const isBusy = (part) => Boolean(part.busy?.isConnected);

/* What changed is fetched at once; figures move every second, and a part may ask for fewer of them. */
function refresh(element, onlyFigures = false) {
  const part = parts.get(element.id) || { last: 0 };
  parts.set(element.id, part);
  if (isBusy(part)) { part.again = part.again === false ? false : onlyFigures; return; }
  const gap = onlyFigures ? Number(element.dataset.liveGap) || FIGURES_GAP : LEAST_GAP;
  const due = Math.max(Date.now(), part.last + gap) + Math.random() * JITTER;
  if (part.timer && part.due <= due) return;
  clearTimeout(part.timer);
  part.due = due;
  part.timer = setTimeout(() => {
    part.timer = 0;
    const current = document.getElementById(element.id);
    if (!current) return;
    part.last = Date.now();
    window.htmx.trigger(current, "refresh");
    // htmx binds what it swapped in some milliseconds later; until then it does not hear.
    if (!isBusy(part)) refresh(current, onlyFigures);
  }, due - Date.now());
}

document.addEventListener("htmx:beforeRequest", (event) => {
  sentAt.set(event.detail.xhr, Date.now());
  const part = parts.get(event.detail.requestConfig.elt.id);
  if (part) part.busy = event.detail.requestConfig.elt;
});

/* A part that is fetched anew comes as the server folds it: what somebody has unfolded stays so. */
const foldings = new Map(); // id of a details -> whether it was open

document.addEventListener("htmx:beforeSwap", (event) => {
  event.detail.target.querySelectorAll("details[id]").forEach((one) => foldings.set(one.id, one.open));
});

document.addEventListener("htmx:afterSwap", () => {
  foldings.forEach((open, id) => {
    const one = document.getElementById(id);
    if (one) one.open = open;
  });
  foldings.clear();
});

function refreshAll() { liveParts().forEach((element) => refresh(element)); }

/* An answer may bring a part whose news came while it was under way, to a page without that part. */
document.addEventListener("htmx:afterRequest", (event) => {
  const since = sentAt.get(event.detail.xhr);
  // A part that a form brought is as old as the form's request, whatever was fetched meanwhile.
  const { target, requestConfig } = event.detail;
  const brought = target?.id !== requestConfig.elt.id && parts.get(target?.id);
  if (brought) brought.last = since;
  heard.filter(({ at }) => at >= since).forEach(({ hint, at }) => tell(hint, at));
});

document.addEventListener("htmx:afterRequest", (event) => {
  // Not detail.elt: that is an ancestor once the part itself was replaced.
  const { id } = event.detail.requestConfig.elt;
  const part = parts.get(id);
  if (!part) return;
  part.busy = null;
  const { again } = part;
  part.again = undefined; // undefined: not asked for meanwhile; else whether only figures moved
  const current = again !== undefined && document.getElementById(id);
  if (current) refresh(current, again);
});

function hear(hint) {
  if (hint.kind === "seen") { seen(hint.cluster, hint.key); return; }
  const at = Date.now();
  heard.push({ hint, at });
  if (heard.length > HEARD_MOST) heard.shift();
  tell(hint, at);
}

/* Parts that asked since `at`, when the hint came, know it already. */
function tell(hint, at) {
  const onlyFigures = hint.kind === "metrics";
  liveParts().forEach((element) => {
    const isNews = (parts.get(element.id)?.last || 0) <= at;
    if (isNews && depends(element, hint)) refresh(element, onlyFigures);
  });
}

/* A round of observation that found no change is still news: what is shown is fresh again, as
   ages.js will find within a second. */
function seen(cluster, stamp) {
  // The first look at a cluster changes all of the page; nothing is typed into it that early.
  const unseen = document.querySelector(`[data-unseen="${CSS.escape(cluster)}"]`);
  if (unseen && !document.querySelector("form :focus")) { window.location.reload(); return; }
  document.querySelectorAll(`[data-seen="${CSS.escape(cluster)}"]`).forEach((element) => {
    if (element.dataset.observedAt) element.dataset.observedAt = stamp;
    if (element.dataset.age) element.dataset.age = stamp;
  });
}

function show(state) {
  if (root.dataset.connection !== state) root.dataset.connection = state;
}

function connect() {
  if (!url || source || document.hidden) return;
  source = new EventSource(lastId ? `${url}?last_event_id=${encodeURIComponent(lastId)}` : url);
  heardAt = Date.now();
  source.addEventListener("alive", () => { heardAt = Date.now(); });
  source.addEventListener("open", () => {
    // Without an id to resume from, what happened before this moment was told to nobody here.
    if (!lastId || root.dataset.connection === "polling") refreshAll();
    show("live");
    stopPolling();
  });
  source.addEventListener("changed", (event) => {
    heardAt = Date.now();
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

/* A frozen server or a dead network says nothing at all; EventSource alone would wait for ever. */
function noticeSilence() {
  if (!source || Date.now() - heardAt < SILENCE_MOST) return;
  source.close();
  source = null;
  show("reconnecting");
  startPolling();
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
  }
});
["pointerdown", "keydown"].forEach((name) => document.addEventListener(name, attend));
window.addEventListener("pagehide", disconnect);
window.addEventListener("pageshow", (event) => { if (event.persisted) { connect(); refreshAll(); } });

/* ages.js is about to grey a part: maybe it was seen and only this page was not told. */
document.addEventListener("part-in-doubt", (event) => {
  const { part, limit } = event.detail;
  if (Date.now() - (parts.get(part.id)?.last || 0) > limit) refresh(part);
});

setInterval(noticeSilence, 5000);
connect();
