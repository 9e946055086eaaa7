"""What a doctor says: findings, and the report they make."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from agentops_otel.records import Json

Status = Literal["ok", "note", "problem"]

_INDENT = " " * 9


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. `detail` is for programs: figures and names that the message tells in words."""

    topic: str
    status: Status
    message: str
    remedy: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All findings. `str` of it is for people, `to_json` for programs."""

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> int:
        """How many findings are problems."""
        return sum(finding.status == "problem" for finding in self.findings)

    def to_json(self) -> dict[str, Json]:
        """`{"problems": n, "findings": [{topic, status, message, remedy, detail}]}`."""
        return {"problems": self.problems, "findings": [asdict(finding) for finding in self.findings]}

    def text(self, width: int = 100) -> str:
        """A paragraph for each finding, `status   topic: message`, its remedy below; a sum at the end."""
        sums = {0: "No problem found.", 1: "1 problem found."}
        last = sums.get(self.problems, f"{self.problems} problems found.")
        return "\n".join([*(_paragraph(finding, width) for finding in self.findings), "", last])

    def __str__(self) -> str:
        return self.text()


def _paragraph(finding: Finding, width: int) -> str:
    first = textwrap.fill(
        f"{finding.topic}: {finding.message}",
        width,
        initial_indent=f"{finding.status:<9}",
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.remedy is None:
        return first
    arrow = f"{_INDENT}→ "
    return f"{first}\n" + textwrap.fill(
        finding.remedy, width, initial_indent=arrow, subsequent_indent=_INDENT + "  ", break_on_hyphens=False
    )
