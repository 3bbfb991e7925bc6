/* How old what is shown is: ages that tick, and greying of what nobody has seen for too long.
   live.js brings news; without any, this file alone turns the page grey in time. */

const units = (document.body.dataset.units || "s min h d").split(" ");
// The server's clock decides about ages, whatever this machine's clock says.
const skew = document.body.dataset.now ? Date.parse(document.body.dataset.now) - Date.now() : 0;

/* The same words as hapanel/ui/words.py writes, so that nothing jumps at the first tick. */
function span(seconds) {
  const [s, min, h, d] = units;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} ${s}`;
  if (whole < 3600) return `${Math.floor(whole / 60)} ${min} ${whole % 60} ${s}`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} ${h} ${Math.floor((whole % 3600) / 60)} ${min}`;
  return `${Math.floor(whole / 86400)} ${d} ${Math.floor((whole % 86400) / 3600)} ${h}`;
}

/* Before a part greys it is asked for once more. */
function doubt(element, limit) {
  const part = element.closest("[data-live][hx-get]");
  if (!part) return;
  document.dispatchEvent(new CustomEvent("part-in-doubt", { detail: { part, limit: limit * 1000 } }));
}

function tick() {
  if (document.hidden) return;
  const moment = Date.now() + skew;
  document.querySelectorAll("[data-age]").forEach((element) => {
    const text = span((moment - Date.parse(element.dataset.age)) / 1000);
    if (element.textContent !== text) element.textContent = text;
  });
  document.querySelectorAll("[data-observed-at][data-stale-after]").forEach((element) => {
    const age = (moment - Date.parse(element.dataset.observedAt)) / 1000;
    const limit = Number(element.dataset.staleAfter);
    element.classList.toggle("is-stale", age > limit);
    if (age > limit * 0.8) doubt(element, limit);
  });
}

document.addEventListener("visibilitychange", tick);
setInterval(tick, 1000);
tick();
