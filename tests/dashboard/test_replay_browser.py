"""A replay played in a real browser: rows, turns and video on one clock."""

from __future__ import annotations

import io
import re
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agentops_otel.facts import SessionFacts, Stamp
from agentops_otel.store.sqlite import SqliteStore
from server.running import Running

from .browser import WIDTHS, Watched, address
from .conftest import Recorded
from .test_browser import CONTRASTS
from .test_replay import many, timed

pytestmark = pytest.mark.browser

Open = Callable[..., Any]

FILM_S = 60


class Films(BaseHTTPRequestHandler):
    """A minute of silence, in pieces as browsers ask for them; `asked` are the paths."""

    asked: list[str]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        film = _film()
        first = int((re.search(r"bytes=([0-9]+)-", self.headers.get("Range", "")) or [0, 0])[1])
        self.send_response(206)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {first}-{len(film) - 1}/{len(film)}")
        self.send_header("Content-Length", str(len(film) - first))
        self.end_headers()
        self.wfile.write(film[first:])

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def _film() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000 * FILM_S)
    return file.getvalue()


@pytest.fixture(scope="module")
def films() -> Iterator[ThreadingHTTPServer]:
    """Another server, on which a film is."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Films)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory, films: ThreadingHTTPServer) -> Iterator[Recorded]:
    """Sessions whose times are known, one of them with a film."""
    folder = tmp_path_factory.mktemp("replayed")
    store = SqliteStore(folder / "server.db")
    film = f"http://127.0.0.1:{films.server_port}/film.wav"
    long = [*many("long", 60), SessionFacts("long", video=(Stamp(0, "test"), film))]
    for facts in (timed("timed"), timed("filmed", film), many("many", 700), long):
        store.append("default", facts)
    store.close()
    with Running(folder) as server:
        yield Recorded(server, {name: name for name in ("timed", "filmed", "many", "long")})


@pytest.fixture
def tab(browser: Any, replayed: Recorded) -> Iterator[Open]:
    """Opens the replay of a session; none may have complained."""
    tabs: list[Watched] = []

    def open_tab(name: str, query: str = "", **options: Any) -> Any:
        watched = Watched(browser, **options)
        watched.page.set_default_timeout(60_000)
        tabs.append(watched)
        return watched.open(f"{replayed.server.url}/sessions/{name}?tab=replay{query}")

    yield open_tab
    for watched in tabs:
        watched.page.close()
        assert watched.complaints == []


def shown(page: Any) -> dict[str, Any]:
    """What a reader sees: rows by their phase, turns, clock."""
    return {
        "rows": [
            next(word for word in ("later", "now", "done") if word in one.split())
            for one in page.locator("a.beat").evaluate_all("rows => rows.map((row) => row.className)")
        ],
        "turns": page.locator(".talk .said:visible").all_inner_texts(),
        "clock": page.locator("output").inner_text(),
    }


def until(page: Any, condition: str) -> None:
    """Wait for a condition. Playwright's own way to do this needs a policy that lets texts be run."""
    page.evaluate(f"""() => new Promise((done, fail) => {{
        setTimeout(() => fail(new Error("in vain")), 60_000);
        const look = () => ({condition}) ? done() : setTimeout(look, 20);
        look();
    }})""")


@pytest.mark.parametrize("at", ["0", "1", "2.5", "8.5", "10"])
def test_a_moment_is_the_same_with_and_without_a_script(tab: Open, browser: Any, replayed: Recorded, at: str) -> None:
    """A deep link shows what the server says; the script changes nothing of it, and gets there by its own line, too."""
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{replayed.server.url}/sessions/timed?tab=replay&at={at}")
    told = shown(plain)
    context.close()
    linked, moved = tab("timed", f"&at={at}"), tab("timed", "&at=5")
    moved.locator("input[type=range]").evaluate(
        "(line, at) => { line.value = at; line.dispatchEvent(new Event('input')); }", at
    )
    assert [shown(linked), shown(moved)] == [told, told]


def test_a_session_plays_to_its_end(tab: Open) -> None:
    """Twenty times as fast, without what is idle; rows and turns follow, and at the end the clock stands still."""
    page = tab("timed")
    page.get_by_label("Speed").select_option("20")
    page.get_by_label("Skip 3 idle gaps").check()
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Play").wait_for()
    assert shown(page) == {
        "rows": ["done"] * 4,
        "turns": ["Which paper?", "I look it up.", "found two", "Read the second."],
        "clock": "10.00 s",
    }
    assert address(page).endswith("at=10")
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_role("button", name="Play").click()
    page.locator("a.beat.later").first.wait_for()


def test_idle_time_is_left_out(tab: Open) -> None:
    """From its gap the clock goes on behind it at once: at half speed it would take ten seconds."""
    page = tab("timed", "&at=2.99")
    page.get_by_label("Speed").select_option("0.5")
    page.get_by_label("Skip 3 idle gaps").check()
    page.evaluate("""() => {
        window.seen = [];
        const note = () => window.seen.push(Number(document.querySelector("input[type=range]").value));
        new MutationObserver(note).observe(document.querySelector("output"), { childList: true });
    }""")
    page.get_by_role("button", name="Play").click()
    until(page, "window.seen.at(-1) >= 8")
    assert [time for time in page.evaluate("window.seen") if 3.01 < time < 8] == []


def test_keys_step(tab: Open) -> None:
    """Arrows go from change to change, home and end to the ends; the URL says the moment."""
    page = tab("timed")
    clocks = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"):
        page.keyboard.press(key)
        clocks.append(page.locator("output").inner_text())
    assert clocks == ["0.50 s", "2.00 s", "3.00 s", "2.00 s", "10.00 s", "0.00 s"]
    page.locator("a.beat", has_text="search").click()
    page.wait_for_url("**at=2")
    assert page.locator("output").inner_text() == "2.00 s"
    told = shown(page)
    page.reload()
    assert shown(page) == told


def test_the_space_bar_plays_and_pauses(tab: Open) -> None:
    """The clock goes on, and stands still where the URL says."""
    page = tab("many")
    page.keyboard.press(" ")
    page.get_by_role("button", name="Pause").wait_for()
    page.locator("a.beat.done").first.wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play").wait_for()
    assert shown(tab("many", f"&at={address(page).rpartition('=')[2]}")) == shown(page)


def test_the_rest_of_a_long_session_is_fetched(tab: Open) -> None:
    """Rows and turns around the moment; what lies further away comes when the clock gets there."""
    page = tab("many")
    assert page.locator("a.beat", has_text=re.compile("^model-600$")).count() == 0
    page.locator("input[type=range]").evaluate(
        "line => { line.value = 600.2; line.dispatchEvent(new Event('input')); }"
    )
    page.locator("a.beat.now", has_text="model-600").wait_for()
    page.locator(".talk").get_by_text("Question 600", exact=True).wait_for()
    assert page.get_by_text("Answer 600", exact=True).is_hidden()
    page.keyboard.press("ArrowRight")
    page.get_by_text("Answer 600", exact=True).wait_for()


def test_the_video_goes_with_the_session(tab: Open, films: ThreadingHTTPServer) -> None:
    """It is fetched once somebody wants to see it, is where the clock is, and plays and pauses with it."""
    page = tab("long", "&at=2")
    films.asked.clear()  # type: ignore[attr-defined]
    page.reload()
    assert films.asked == []  # type: ignore[attr-defined]
    page.get_by_role("link", name="Show the video").click()
    moment = "document.querySelector('video').currentTime"
    until(page, f"{moment} === 2")
    page.keyboard.press("End")
    until(page, f"{moment} === 59.5")
    page.keyboard.press("Home")
    until(page, f"{moment} === 0")
    page.get_by_label("Speed").select_option("2")
    page.get_by_role("button", name="Play").click()
    until(page, "!document.querySelector('video').paused && document.querySelector('video').playbackRate === 2")
    until(page, f"{moment} > 0.5")
    page.get_by_role("button", name="Pause").click()
    until(page, f"Math.abs({moment} - document.querySelector('.replay input[type=range]').value) < 0.01")
    until(page, "document.querySelector('video').paused")
    assert set(films.asked) == {"/film.wav"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("query", ["", "&at=9.8", "&at=2.5&video=show"])
def test_a_replay_fits_and_stays_where_it_is(tab: Open, query: str, width: int) -> None:
    """Nothing is scrolled sideways, and nothing moves while the clock does."""
    page = tab("filmed", query, width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    boxes = "document.querySelectorAll('.player, .player *, .beats, .talk')"
    places = f"[...{boxes}].map((one) => JSON.stringify(one.getBoundingClientRect()))"
    before = page.evaluate(places)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    assert page.evaluate(places) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("at", ["0", "2.5", "10"])
def test_a_replay_can_be_read(tab: Open, scheme: str, at: str) -> None:
    """What is later is less bold, and readable all the same."""
    assert tab("filmed", f"&at={at}&video=show", color_scheme=scheme).evaluate(CONTRASTS) == []
