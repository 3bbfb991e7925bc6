/* The frame's own manners: tree, drawer, dialog, search key, copy buttons, toasts.
   Everything here has a plain link or form below it that works without this file. */

const root = document.documentElement;
const find = (selector) => document.querySelector(selector);
const YEAR = 31536000;

function remember(name, value) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=${YEAR}; samesite=lax`;
}

function recall(name) {
  const pair = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`)) || "";
  // A cookie that is cut or strange counts as none: the rest of this file must still run.
  try { return decodeURIComponent(pair.slice(name.length + 1)); } catch { return ""; }
}

/* ---- Tree ------------------------------------------------------------------------------------ */

const toggled = new Map(
  recall("tree")
    .split(",").filter(Boolean).map((entry) => [entry.slice(1), entry[0]]),
);

function setBranch(button, open) {
  const branch = document.getElementById(button.getAttribute("aria-controls"));
  button.setAttribute("aria-expanded", open);
  if (branch) branch.hidden = !open;
  toggled.delete(button.dataset.key);
  toggled.set(button.dataset.key, open ? "+" : "-");
  // Only the last few: a cookie travels with each request.
  remember("tree", [...toggled].slice(-40).map(([key, sign]) => sign + key).join(","));
  // The server reads the cookie, so it has to be written before.
  if (open && branch?.hasAttribute("hx-get")) window.htmx.trigger(branch, "open-branch");
}

function moveInTree(event) {
  const link = event.target.closest(".tree-row a");
  if (!link) return;
  const links = [...document.querySelectorAll("#tree .tree-row a")].filter((a) => a.offsetParent);
  const at = links.indexOf(link);
  const twist = link.parentElement.querySelector(".tree-twist");
  const open = twist?.getAttribute("aria-expanded") === "true";
  const parent = link.closest("ul").closest("li")?.querySelector(".tree-row a");
  const go = {
    ArrowDown: () => links[at + 1]?.focus(),
    ArrowUp: () => links[at - 1]?.focus(),
    Home: () => links[0]?.focus(),
    End: () => links.at(-1)?.focus(),
    ArrowRight: () => (twist && !open ? setBranch(twist, true) : links[at + 1]?.focus()),
    ArrowLeft: () => (twist && open ? setBranch(twist, false) : parent?.focus()),
  }[event.key];
  if (go) { event.preventDefault(); go(); }
}

function setSide(open) {
  const side = find(".side");
  if (!side) return;
  side.toggleAttribute("data-open", open);
  find("[data-do='side']")?.setAttribute("aria-expanded", open);
  if (open) side.querySelector("input, a")?.focus();
}

/* ---- Dialog ---------------------------------------------------------------------------------- */

const dialog = find("#dialog");
let opener = null;

document.addEventListener("htmx:afterSwap", (event) => {
  if (!dialog || !dialog.contains(event.detail.target)) return;
  if (!dialog.open && dialog.querySelector(".dialog-head")) {
    opener = document.activeElement;
    dialog.showModal();
  }
});
dialog?.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
dialog?.addEventListener("close", () => {
  find("#dialog-content")?.replaceChildren();
  if (opener?.isConnected) opener.focus();
});

/* ---- Copying --------------------------------------------------------------------------------- */

/* What the button says afterwards. Without HTTPS there is no clipboard but on localhost, and a
   browser may refuse it: then the text is selected, and one key is left to press. */
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    return button.dataset.done;
  } catch {
    getSelection().selectAllChildren(source);
    return document.body.dataset.selected;
  }
}

/* ---- Clicks and keys ------------------------------------------------------------------------- */

document.addEventListener("click", async (event) => {
  const off = event.target.closest("[aria-disabled='true']");
  if (off) { event.preventDefault(); event.stopImmediatePropagation(); return; }
  const button = event.target.closest("button, [data-do]");
  if (!button) {
    const side = find(".side[data-open]");
    if (side && !side.contains(event.target)) setSide(false);
    return;
  }
  if (button.matches(".tree-twist")) setBranch(button, button.getAttribute("aria-expanded") !== "true");
  if (button.dataset.do === "side") setSide(!find(".side").hasAttribute("data-open"));
  if (button.dataset.do === "close" && dialog?.open) { event.preventDefault(); dialog.close(); }
  if (button.dataset.do === "copy") button.querySelector("span").textContent = await copy(button);
}, true);

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    find("#search")?.focus();
  }
  if (event.key === "Escape") setSide(false);
  moveInTree(event);
});

find("#tasks")?.addEventListener("toggle", (event) => remember("drawer", event.target.open ? "open" : "closed"));

/* ---- When a request of a part goes wrong -------------------------------------------------------- */

function toast(text) {
  const template = find("#toast");
  if (!template || find(".toasts")?.textContent.includes(text)) return;
  const node = template.content.firstElementChild.cloneNode(true);
  node.querySelector("[data-text]").textContent = text;
  node.querySelector("button").addEventListener("click", () => node.remove());
  find(".toasts").append(node);
  setTimeout(() => node.remove(), 12000);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  // The session ended: the sign-in page must not land inside a part of this one.
  const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
  if (root.dataset.signIn && answered.pathname === root.dataset.signIn) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});
document.addEventListener("htmx:responseError", (event) => {
  // A part that refreshes itself stays as it was and greys by its age; only what was asked for speaks.
  if (event.detail.requestConfig.triggeringEvent?.type !== "refresh") toast(document.body.dataset.failed);
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.requestConfig.triggeringEvent?.type !== "refresh") toast(document.body.dataset.silent);
});

find("#tree [aria-current]")?.scrollIntoView({ block: "nearest" });
/* The current tab of a long row of tabs is in sight on a phone. */
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
