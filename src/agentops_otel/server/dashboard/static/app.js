// What the pages do beyond links and forms. Everything is readable without this file.

const EVERY_MS = 1000;
const WHEN_GONE_MS = 5000;

// --- live parts: asked for again while the page is looked at; the server answers 204 while nothing is new ------------

let gone = false;
let askedAt = 0;

function tick() {
  const now = performance.now();
  const due = now - askedAt >= (gone ? WHEN_GONE_MS : EVERY_MS) - 50;
  if (document.visibilityState !== "visible" || !due) return;
  askedAt = now;
  for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "tick");
}

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

// --- start -----------------------------------------------------------------------------------------------------------

connected(true);
showCopyButtons(document);
setInterval(tick, EVERY_MS);
