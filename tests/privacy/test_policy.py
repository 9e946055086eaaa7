"""Policies: what is kept of a text, as laws over any surroundings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentops_otel.privacy import Policy, passes_luhn, redacted
from privacy.secrets import SECRETS

REDACTED = Policy("redacted")
secrets = st.sampled_from(SECRETS)
around = st.text(max_size=30)
"""What stands before and after; a secret within a longer word of its own alphabet is none, so spaces part them."""

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(secrets, around, around, st.sampled_from([" ", "\n", "\t", '"', "'", "(", "=", ":", ",", "\r\n", "<"]))
def test_no_secret_is_left_in_any_text(secret: str, before: str, after: str, edge: str) -> None:
    """Whatever stands around it; nor in the JSON of that text, which escapes a line feed by a letter."""
    text = f"{before}{edge}{secret} {after}"
    assert secret not in redacted(text)
    assert secret not in redacted(json.dumps(text))


@given(values, secrets)
def test_no_secret_is_left_in_any_value(value: Any, secret: str) -> None:
    """At any depth, in keys as in values."""
    whole = {"a": [value, {"b": f"<{secret}>", secret: 1}]}
    assert secret not in json.dumps(REDACTED.value(whole), ensure_ascii=False)


@given(around, secrets | st.just("password: hunter22"))
def test_redacting_again_changes_nothing(before: str, secret: str) -> None:
    """A text is asked about when its span is made and when it is recorded."""
    once = redacted(f"{before} {secret}")
    assert redacted(once) == once


@given(values)
def test_what_needs_no_change_is_the_same_value(value: Any) -> None:
    """Without redaction nothing is copied; with a function that lets all pass everything comes back equal."""
    assert Policy().value(value) is value or value == Policy().value(value)
    assert Policy(redact=lambda text: text).value(value) == value


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("api_key=abcdef123456", "api_key=[redacted:secret]"),
        ('{"password": "hunter22", "n": 1}', '{"password": "[redacted:secret]", "n": 1}'),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted:token]"),
        ("postgres://me:hunter22@db/x", "postgres://me:[redacted:password]@db/x"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----.", "[redacted:private_key]."),
        ("mail jane@example.com!", "mail [redacted:email]!"),
        ("card 4111-1111-1111-1111.", "card [redacted:card]."),
        ("2026 4111 1111 1111 1111 000", "2026 [redacted:card] 000"),
    ],
)
def test_what_is_around_a_secret_is_kept(text: str, kept: str) -> None:
    """So that a reader knows what kind of thing was there."""
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 of 2026-11-22T10:00:00.000000Z",
        "task-management-and-more-words",
        "the password is secret",
        "f(x) = y@z and price: 12.50",
        "tokens: 1234, max_tokens=4096",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A number without the checksum, words, code, counts, ids."""
    assert redacted(text) == text


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    """Texts that nearly match everywhere do not multiply the work: this would take hours."""
    for piece in ("a", "a.", "sk-", "4", "4 ", "api_key", "@", "://a:", "eyJ", "-----BEGIN "):
        redacted(piece * (400_000 // len(piece)))


@given(st.integers(min_value=0, max_value=10**15))
def test_one_last_digit_of_ten_passes_the_checksum(number: int) -> None:
    """As ISO/IEC 7812-1 has it: for each number there is exactly one."""
    assert sum(passes_luhn(f"{number}{last}") for last in range(10)) == 1
