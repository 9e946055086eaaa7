// The waterfall in other views: folds, and whatever else leads to the same rows laid out anew. Each view is a URL, which
// is what the link without this file opens.

export function look(address, focused) {
  const shown = new URL(address, location.href);
  const picked = new URLSearchParams(location.search).get("event"); // perhaps another than when the link was made
  const asked = new URL(shown);
  asked.searchParams.delete("event"); // what is picked does not keep open what is to be closed
  asked.searchParams.set("part", "rows");
  asked.searchParams.set("count", document.querySelectorAll("a.row").length); // what was loaded stays loaded
  if (picked) shown.searchParams.set("event", picked);
  history.pushState({}, "", shown);
  return htmx.ajax("GET", asked.pathname + asked.search, { target: "#rows", swap: "outerHTML" }).then(() => {
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  });
}

function turn(link, focused = link.id) { // the rows go on beginning where they do
  const url = new URL(link.href);
  const first = document.querySelector(".waterfall").dataset.first;
  if (link.matches(".twist, .fold, .calls")) first === "0" ? url.searchParams.delete("row") : url.searchParams.set("row", first);
  look(url, focused);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-rows]");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain) return;
  event.preventDefault();
  turn(link);
});

document.addEventListener("keydown", (event) => {
  const row = document.activeElement.closest("a.row, a.twist, a.calls");
  if (!row || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const open = event.key === "ArrowRight"; // what is inside before the API calls, and closed after them
  const links = row.matches(".row:not(.fold)") ? [...row.parentNode.querySelectorAll(":scope > .twist, :scope > .calls")] : [row];
  const link = (open ? links : links.reverse()).find((one) => (one.getAttribute("aria-expanded") === "true") !== open);
  if (!link) return;
  event.preventDefault();
  turn(link, row.id);
});

document.addEventListener("htmx:afterSettle", () => { // what was closed around the event that is picked hides its row
  const url = new URL(location);
  if (!url.searchParams.has("event") || document.querySelector("a.row[aria-current]")) return;
  url.searchParams.delete("event");
  history.replaceState({}, "", url);
});

// --- the minimap: what is dragged over is the time that is shown ------------------------------------------------------

const SHORTEST_PX = 5;
let drag = null;

function place(event) {
  const box = drag.map.getBoundingClientRect();
  return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
}

function stretch(event) {
  const at = place(event);
  return [Math.min(at, drag.from), Math.max(at, drag.from)];
}

document.addEventListener("pointerdown", (event) => {
  const map = event.target.closest(".minimap");
  if (!map || event.button !== 0) return;
  drag = { map };
  drag.from = place(event);
  drag.x = event.clientX;
  map.classList.add("dragged");
  map.setPointerCapture(event.pointerId);
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const [from, to] = stretch(event);
  const brush = drag.map.querySelector(".brush");
  brush.setAttribute("x", from * 1000);
  brush.setAttribute("width", (to - from) * 1000);
});

document.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { map, x } = drag;
  const [from, to] = stretch(event);
  letGo();
  if (Math.abs(event.clientX - x) < SHORTEST_PX) return;
  const url = new URL(location);
  const seconds = (part) => ((part * map.dataset.ns) / 1e9).toFixed(9).replace(/\.?0+$/, "");
  url.searchParams.set("from", seconds(from));
  url.searchParams.set("to", seconds(to));
  url.searchParams.delete("row");
  look(url);
});

function letGo() {
  drag.map.classList.remove("dragged");
  drag.map.querySelector(".brush").setAttribute("width", 0);
  drag = null;
}

document.addEventListener("pointercancel", () => drag && letGo());
