// What the pages do beyond links and forms. Everything is readable without this file.

const EVERY_MS = 1000;
const WHEN_QUIET_MS = 5000;
const WHEN_STIRRED_MS = 400;

// --- live parts: asked for again while the page is looked at; the server answers 204 while nothing is new ------------
// The server says at once when something was stored. What runs is asked for each second all the same, for its duration.

let gone = false;
let askedAt = 0;
let stirring = null; // while the page is looked at: a browser has six connections to a server, for all of its tabs
let stirred = false;

function tick() {
  listen();
  const now = performance.now();
  const quiet = gone || (stirring?.readyState === EventSource.OPEN && !document.querySelector("[data-live] .running"));
  const pause = stirred ? WHEN_STIRRED_MS : quiet ? WHEN_QUIET_MS : EVERY_MS;
  if (document.visibilityState !== "visible" || now - askedAt < pause - 50) return;
  askedAt = now;
  stirred = false;
  for (const part of document.querySelectorAll("[data-live]")) {
    const busy = part.querySelector(".pick:checked, .dragged, input:focus"); // what a hand is at stays where it is
    if (!busy) htmx.trigger(part, "tick");
  }
}

function deaf() {
  stirring?.close();
  stirring = null;
}

function listen() {
  if (document.visibilityState !== "visible" || document.querySelector("[data-live]") === null) {
    deaf();
  } else if (stirring === null) {
    stirring = new EventSource("/stirring");
    stirring.addEventListener("message", () => {
      stirred = true;
      tick();
      setTimeout(tick, WHEN_STIRRED_MS);
    });
  }
}

listen();

function connected(yes) {
  gone = !yes;
  const sign = document.getElementById("connection");
  sign.hidden = document.querySelector("[data-live]") === null;
  sign.textContent = yes ? "Live" : "Server not reachable";
  sign.classList.toggle("gone", gone);
}

document.addEventListener("htmx:sendError", () => connected(false));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr.status) connected(event.detail.xhr.status < 500);
});
document.addEventListener("visibilitychange", tick);
addEventListener("pagehide", deaf); // a page with an open connection is not kept for the way back
document.addEventListener("htmx:beforeSwap", (event) => { // asked for before it was picked
  if (event.detail.target.querySelector(".pick:checked")) event.detail.shouldSwap = false;
});

// what was unfolded stays so: `outerHTML` makes its element anew
let unfolded = [];
document.addEventListener("htmx:beforeSwap", () => {
  unfolded = [...document.querySelectorAll("[data-live] details[id][open]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
});

// --- copying ---------------------------------------------------------------------------------------------------------

function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

document.addEventListener("htmx:afterSwap", (event) => showCopyButtons(event.detail.elt.parentNode ?? document));

// --- waterfall: an event is shown beside its row; its URL is that of the page which shows it without a script ---------

function rowOf(eventId) {
  return [...document.querySelectorAll("a.row[data-ids]")].find((row) => JSON.parse(row.dataset.ids).includes(eventId));
}

function markPicked() {
  const eventId = new URLSearchParams(location.search).get("event");
  for (const row of document.querySelectorAll("a.row[aria-current]")) row.removeAttribute("aria-current");
  if (eventId) rowOf(eventId)?.setAttribute("aria-current", "true");
}

function pick(link) {
  const eventId = new URL(link.href).searchParams.get("event");
  const row = rowOf(eventId);
  if (!row) return false;
  const url = new URL(location); // folds were perhaps opened since the link was made
  url.searchParams.delete("row");
  url.searchParams.set("event", eventId);
  history.pushState({}, "", url);
  markPicked();
  row.scrollIntoView({ block: "nearest" });
  document.querySelector(".split").classList.add("picked");
  url.searchParams.set("part", "pane");
  htmx.ajax("GET", url.pathname + url.search, { target: "#pane", swap: "innerHTML" }).then(() => {
    const pane = document.getElementById("pane");
    pane.scrollTop = 0;
    if (pane.getBoundingClientRect().top < 0) pane.scrollIntoView({ block: "start" });
  });
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.row:not(.fold), a[data-pane]");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (link && plain && pick(link)) event.preventDefault();
});

addEventListener("popstate", () => location.reload());

const KEYS = { j: 1, k: -1 };
const ERROR_KEYS = { n: "next", p: "previous" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key in ERROR_KEYS) document.querySelector(`[data-error="${ERROR_KEYS[event.key]}"]`)?.click();
  if (event.key in KEYS) {
    const rows = [...document.querySelectorAll("a.row")];
    const focused = rows.indexOf(document.activeElement);
    const at = focused < 0 ? rows.findIndex((row) => row.hasAttribute("aria-current")) : focused;
    const row = rows[at < 0 ? 0 : at + KEYS[event.key]];
    row?.focus();
    if (!row?.matches(".fold")) row?.click();
  }
});

document.addEventListener("htmx:afterSettle", markPicked);

// --- start -----------------------------------------------------------------------------------------------------------

connected(true);
showCopyButtons(document);
setInterval(tick, EVERY_MS);
