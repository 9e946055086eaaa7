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
