// A session in time: a clock moves rows, turns and video together. Without this file the same line is a form, and each
// moment a page; with it `at` in the URL follows whenever the clock stands still.

const root = document.querySelector(".replay");
if (root) play(root);

function play(root) {
  const duration = Number(root.dataset.duration);
  const gaps = JSON.parse(root.dataset.gaps);
  const [range, button, output] = ["input[type=range]", ".play", "output"].map((one) => root.querySelector(one));
  const [speed, skip, video] = [".speed", ".idle", "video"].map((one) => root.querySelector(one));
  let at = Number(root.dataset.at);
  let playing = false;
  let shownAt = 0; // when the last frame was, on the clock of the browser
  let asked = null; // the request for the rows and turns around another moment
  let moments = [];

  // --- what is shown -------------------------------------------------------------------------------------------------

  function read() {
    moments = [...root.querySelectorAll(".beat[data-from], .talk [data-from]")].map((element) => ({
      element, from: Number(element.dataset.from), to: Number(element.dataset.to), failed: Number(element.dataset.failed ?? Infinity),
    }));
  }

  function show() {
    let current = null;
    for (const { element, from, to, failed } of moments) {
      const phase = at < from ? "later" : at < to ? "now" : "done";
      if (!element.classList.contains(phase)) {
        element.classList.remove("later", "now", "done");
        element.classList.add(phase);
      }
      element.classList.toggle("failed", at >= failed);
      if (element.matches(".beat") && at >= from) current = element;
    }
    range.value = at;
    output.value = clock(at);
    range.setAttribute("aria-valuetext", `${output.value} of ${clock(duration)}`);
    root.querySelector(".head rect").setAttribute("x", duration ? (at * 1000) / duration : 0);
    follow(current);
  }

  function clock(time) {
    const digits = duration < 1 ? 3 : duration < 60 ? 2 : 1;
    const cut = (value) => (Math.floor(value * 10 ** digits + 1e-6) / 10 ** digits).toFixed(digits);
    if (duration < 60) return `${cut(time)} s`;
    const rest = cut(time % 60).padStart(4, "0");
    const minutes = Math.floor(time / 60);
    if (duration < 3600) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  function follow(row) { // only within their own boxes: the page never moves
    const beats = root.querySelector(".beats");
    if (row) {
      const [box, place] = [beats.getBoundingClientRect(), row.getBoundingClientRect()];
      if (place.top < box.top || place.bottom > box.bottom) beats.scrollTop += place.top - box.top - box.height / 2;
    }
    const talk = root.querySelector(".talk");
    talk.scrollTop = talk.scrollHeight;
  }

  async function fetchAround() {
    const url = new URL(location);
    url.searchParams.set("at", at);
    url.searchParams.set("part", "replay");
    const answer = await fetch(url);
    if (!answer.ok) return pause();
    const parts = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const name of [".beats", ".talk"]) root.querySelector(name).replaceWith(parts.querySelector(name));
    read();
    show();
  }

  function isHere() {
    const { from, until } = root.querySelector(".beats").dataset;
    return at >= Number(from) && (until === undefined || at < Number(until));
  }

  function go(to) {
    at = Math.min(Math.max(0, to), duration);
    show();
    if (!isHere()) asked ??= fetchAround().catch(pause).finally(() => { asked = null; if (!isHere()) pause(); });
    watch();
  }

  function keep() {
    const url = new URL(location);
    url.searchParams.set("at", String(Number(at.toFixed(6))));
    history.replaceState({}, "", url);
  }

  // --- the clock -----------------------------------------------------------------------------------------------------

  function frame(now) {
    if (!playing) return;
    const passed = Math.max(0, now - shownAt) / 1000;
    shownAt = now;
    if (!asked) {
      let to = at + passed * Number(speed.value);
      const gap = skip?.checked && gaps.find(([begin, end]) => to >= begin && to < end);
      if (gap) to = gap[1];
      go(to);
    }
    if (at >= duration) return pause();
    requestAnimationFrame(frame);
  }

  function start() {
    if (at >= duration) go(0);
    playing = true;
    button.textContent = "Pause";
    shownAt = performance.now();
    requestAnimationFrame(frame);
    watch();
  }

  function pause() {
    playing = false;
    button.textContent = "Play";
    keep();
    watch();
  }

  function step(direction) {
    const times = moments.flatMap(({ from, to }) => [from, to]).filter((one) => (one - at) * direction > 0);
    const { from, until } = root.querySelector(".beats").dataset;
    const edge = direction > 0 ? Number(until ?? duration) : Math.max(0, Number(from) - 0.001);
    const to = direction > 0 ? Math.min(edge, ...times) : Math.max(...times, -1);
    go(to < 0 ? edge : to);
    pause();
  }

  // --- the video: it follows the clock, and begins with the session ----------------------------------------------------

  function watch() {
    if (!video || video.readyState < 1) return;
    const rate = Math.min(16, Number(speed.value)); // browsers refuse more
    if (video.playbackRate !== rate) video.playbackRate = rate;
    const until = Math.min(at, video.duration || at);
    if (Math.abs(video.currentTime - until) > (playing ? 0.25 * Math.max(1, rate) : 0.001)) video.currentTime = until;
    const runs = playing && at < video.duration;
    if (runs === video.paused) runs ? video.play().catch(() => {}) : video.pause();
  }

  if (video) {
    video.controls = false;
    video.addEventListener("loadedmetadata", watch);
  }

  // --- hands ---------------------------------------------------------------------------------------------------------

  button.addEventListener("click", () => (playing ? pause() : start()));
  range.addEventListener("input", () => go(Number(range.value)));
  range.addEventListener("change", keep);
  speed.addEventListener("change", watch);
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a.beat, #step-back, #step-on");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.matches(".beat")) {
      go(Number(link.dataset.from));
      keep();
    } else {
      step(link.id === "step-on" ? 1 : -1);
    }
  });

  const KEYS = {
    " ": () => button.click(),
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Home: () => { go(0); keep(); },
    End: () => { go(duration); keep(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !(event.key in KEYS)) return;
    if (event.target.closest("select, textarea, input:not([type=range])")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return; // what has the focus takes it
    event.preventDefault();
    KEYS[event.key]();
  });

  for (const link of root.querySelectorAll("#step-back, #step-on")) link.removeAttribute("aria-disabled");
  read();
  go(at);
}
