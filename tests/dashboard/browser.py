"""Debian's Chromium on the pages, and what it complained about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDTHS = {1440: 900, 1024: 768, 390: 844}
"""Widths at which every page is looked at, with their heights."""


def require_chromium() -> None:
    """Skip where it is missing; in CI (CI=true) that is a failure."""
    missing = None if CHROMIUM.exists() else f"{CHROMIUM} is missing: run scripts/install-chromium"
    try:
        import playwright  # noqa: F401
    except ImportError:
        missing = "playwright is missing: install agentops-otel-bridge[browser]"
    if missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, for a while."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield browser
        browser.close()


def address(page: Any) -> str:
    """Where a page is. Playwright's `page.url` hears of what a script pushed a moment later."""
    return str(page.evaluate("location.href"))


class Watched:
    """A tab, and everything in it that a page of ours must never cause. `asked` are the URLs it asked for."""

    def __init__(self, browser: Any, width: int = 1440, **options: Any) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": WIDTHS[width]}, **options)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def open(self, url: str) -> Any:
        """Go there, and wait until the page is whole."""
        self.page.goto(url)
        return self.page


Open = Callable[..., Watched]
"""What the fixture `tab` is: it takes a URL, and what a tab is made with."""
