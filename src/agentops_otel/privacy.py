"""What may be written down of a text: everything, what is left after redaction, or nothing.

A `Policy` is asked wherever content is about to be written: when a span of ours gets it, and again when any span, of
whichever instrumentor, becomes a record. So a text may be asked about twice, and redaction must leave its own marks
alone. Keys, tokens, email addresses and card numbers become `[redacted:KIND]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from agentops_otel.guard import warn_once
from agentops_otel.settings import Settings

Redact = Callable[[str], "str | None"]
"""Gives what may be kept of a text; None for nothing of it."""

WITHHELD = "[withheld]"


class Policy:
    """Decides over texts. Frozen in effect; threads may share one.

    `redact` is the user's own function, asked after the built-in patterns ("redacted" mode) or alone ("full"). One that
    raises, or returns what is no text, withholds the text; that is warned about without a word of it.
    """

    def __init__(
        self,
        mode: str = "full",
        redact: Redact | None = None,
        *,
        max_text: int = Settings.max_text,
        max_inline: int = Settings.max_inline,
    ) -> None:
        self.captures = mode != "none"
        """Whether content is written down at all."""
        self.max_text = max_text
        self.max_inline = 0 if mode == "redacted" else max_inline
        self._patterns = mode == "redacted"
        self._redact = redact
        self.changes = self._patterns or redact is not None or max_text < Settings.max_text
        """Whether texts may be written down otherwise than they are."""

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that the settings describe."""
        return cls(
            settings.capture_content,
            settings.redact,
            max_text=settings.max_text,
            max_inline=settings.max_inline,
        )

    def text(self, text: str) -> str:
        """What is written down of a text. Never raises."""
        if not self.changes:
            return text
        from agentops_otel.values import cut

        if self._patterns:
            text = redacted(text)
        return cut(text if self._redact is None else self._asked(text), self.max_text)

    def _asked(self, text: str) -> str:
        redact: Any = self._redact
        try:
            kept = redact(text)
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything; its message may quote the text
            warn_once(f"redact raised {type(error).__name__}: the text is withheld")
            return WITHHELD
        if isinstance(kept, str):
            return kept
        if kept is not None:
            warn_once(f"redact returned {type(kept).__name__}: the text is withheld")
        return WITHHELD

    def value(self, value: Any) -> Any:
        """What is written down of any value: JSON, each text and key in it as `text` says, large blobs by digest.

        Where nothing is changed the value itself is returned, and only messages are looked at for blobs.
        """
        if not self.changes:
            return self._without_blobs(value)
        from agentops_otel.values import carried

        return self._walked(carried(value))

    def _walked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            if value.get("type") == "blob":
                value = digested(value, self.max_inline)
            return {self.text(key) if isinstance(key, str) else key: self._walked(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._walked(one) for one in value]
        return value

    def _without_blobs(self, messages: Any) -> Any:
        """Messages with their large blobs by digest; anything else as it is."""
        if not isinstance(messages, list) or not any(map(_has_blobs, messages)):
            return messages
        return [
            {**message, "parts": [digested(part, self.max_inline) for part in message["parts"]]}
            if _has_blobs(message)
            else message
            for message in messages
        ]


# --- images and sound ------------------------------------------------------------------------------------------------


def _is_blob(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "blob"


def _has_blobs(message: Any) -> bool:
    parts = message.get("parts") if isinstance(message, dict) else None
    return isinstance(parts, list) and any(map(_is_blob, parts))


def digested(part: Any, max_inline: int) -> Any:
    """A message part; a blob of more than `max_inline` bytes has size and SHA-256 in the place of its content."""
    if not _is_blob(part) or not part.get("content"):
        return part
    data = _bytes_of(part["content"])
    if len(data) <= max_inline:
        return part
    import hashlib

    kept = {key: value for key, value in part.items() if key != "content"}
    return {**kept, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _bytes_of(content: Any) -> bytes:
    """What base64 text stands for; other content as its bytes."""
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    import base64
    import binascii

    try:
        return base64.b64decode(str(content), validate=True)
    except (binascii.Error, ValueError):
        return str(content).encode("utf-8", "replace")


# --- what is redacted ------------------------------------------------------------------------------------------------

_EDGE = r"(?:(?<![A-Za-z0-9_\\-])|(?<=\\[nrtbf\"\\/])|(?<=\\u[0-9A-Fa-f]{4}))"
"""Where a secret may begin: not within a word. JSON text escapes a line feed before it by a backslash and a letter."""

_TOKENS = "|".join(
    (
        r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}",
        r"xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}",
        r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|hf_[A-Za-z0-9]{16,}",
        r"eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*",
    )
)
_KEYS = "|".join(
    (
        r"sk-[\w-]{16,}|[sprw]k_(?:live|test)_[A-Za-z0-9]{8,}|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}",
        r"(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{12,}|AIza[\w-]{30,}|pplx-[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{16,}",
    )
)
_NAMED = (
    r"(?i:api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|access[_-]?key|client[_-]?secret|password|passwd|pwd"
    r"|auth[_-]?token|access[_-]?token|refresh[_-]?token)"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.S
        ),
        "[redacted:private_key]",
    ),
    (re.compile(_EDGE + f"(?:{_TOKENS})"), "[redacted:token]"),
    (re.compile(_EDGE + f"(?:{_KEYS})"), "[redacted:api_key]"),
    (re.compile(r"((?i:bearer)\s+)[A-Za-z0-9._~+/=-]{12,}"), r"\1[redacted:token]"),
    (re.compile(r"(://[^\s/:@\"']{1,256}:)[^\s/@\"']{1,256}(?=@)"), r"\1[redacted:password]"),
    (
        re.compile(rf"({_NAMED}\\?[\"']?\s{{0,8}}[:=]\s{{0,8}}\\?[\"']?)(?!\[redacted)[^\s\"',;&{{}}\\\[\]]{{4,}}"),
        r"\1[redacted:secret]",
    ),
    (
        re.compile(
            r"(?:(?<![A-Za-z0-9._%+\\-])|(?<=\\[nrtbf]))[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"
        ),
        "[redacted:email]",
    ),
)
_DIGITS = re.compile(r"(?<!\d)\d(?:[\s.-]?\d){12,}(?!\d)")
_GROUPS = re.compile(r"\d+")


def redacted(text: str) -> str:
    """`text` without keys, tokens, passwords, email addresses and card numbers, as far as their shape tells them.

    Linear in the length of the text. Redacting again changes nothing.
    """
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return _DIGITS.sub(_without_cards, text)


def _without_cards(run: re.Match[str]) -> str:
    """A run of groups of digits without those that are a card number: whole groups, 13 to 19 digits."""
    text, groups = run[0], list(_GROUPS.finditer(run[0]))
    out, at, first = "", 0, 0
    while first < len(groups):
        last = _card_at(groups, first)
        if last is not None:
            out += f"{text[at : groups[first].start()]}[redacted:card]"
            at, first = groups[last].end(), last
        first += 1
    return out + text[at:]


def _card_at(groups: list[re.Match[str]], first: int) -> int | None:
    """The last group of the card number that begins with a group."""
    digits = ""
    for last in range(first, min(first + 19, len(groups))):
        digits += groups[last][0][:20]
        if len(digits) > 19:
            return None
        if len(digits) >= 13 and digits[0] in "23456" and passes_luhn(digits):
            return last
    return None


def passes_luhn(number: str) -> bool:
    """Whether the digits of a number have the checksum of card numbers (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in number if one.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
