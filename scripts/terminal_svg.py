"""Draw text from a terminal as an SVG: `make demo | python scripts/terminal_svg.py "make demo" > docs/terminal.svg`."""

from __future__ import annotations

import sys
from xml.sax.saxutils import escape

WIDTH, LINE, TOP, LEFT = 860, 19, 58, 22
COLOURS = {"state": "#7ee2a8", "cost": "#ffd479", "session": "#9ecbff", "failed": "#ff9aa2", "more": "#9ecbff"}

BUTTONS = ("#ff5f57", "#febc2e", "#28c840")


def svg(command: str, lines: list[str]) -> str:
    """The picture of a window that shows the command and what it printed."""
    rows = [f"$ {command}", "", *lines]
    height = TOP + LINE * len(rows) + 14
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13.5">',
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#15181e"/>',
        *(
            f'<circle cx="{22 + 20 * n}" cy="22" r="6" fill="{c}"/>'
            for n, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
    ]
    for number, row in enumerate(rows):
        word = row.split(" ")[0].rstrip(":")
        colour = "#8b949e" if number == 0 else COLOURS.get(word, "#d5dae1")
        y = TOP + LINE * number
        out.append(f'<text x="{LEFT}" y="{y}" fill="{colour}" xml:space="preserve">{escape(row)}</text>')
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    print(svg(sys.argv[1], sys.stdin.read().rstrip("\n").split("\n")), end="")
