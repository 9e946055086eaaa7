"""The API as one page of HTML, without a script, a style sheet or a picture from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code{font:13px ui-monospace,monospace}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8884}"
)


def page_of(schema: dict[str, Any]) -> str:
    """A table of the routes of an OpenAPI document, by tag."""
    rows: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            rows.setdefault((route.get("tags") or ["Other"])[0], []).append(_row(method, path, route))
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    tables = "".join(f"<h2>{escape(tag)}</h2><table>{''.join(found)}</table>" for tag, found in rows.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>{tables}</html>'
    )


def _row(method: str, path: str, route: dict[str, Any]) -> str:
    names = [f"<code>{escape(one['name'])}</code>" for one in route.get("parameters", ()) if one["in"] == "query"]
    asks = f"<br>Query: {', '.join(names)}" if names else ""
    said = escape(route.get("description") or "")
    return f"<tr><td><code>{method.upper()}</code><td><code>{escape(path)}</code><td>{said}{asks}"
