// The waterfall in other views: folds, and whatever else leads to the same rows laid out anew. Each view is a URL, which
// is what the link without this file opens.

export function look(address, focused) {
  const url = new URL(address, location.href);
  history.pushState({}, "", url);
  url.searchParams.set("part", "rows");
  url.searchParams.set("count", document.querySelectorAll("a.row").length); // what was loaded stays loaded
  return htmx.ajax("GET", url.pathname + url.search, { target: "#rows", swap: "outerHTML" }).then(() => {
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-rows]");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain) return;
  event.preventDefault();
  look(link.href, link.id);
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
