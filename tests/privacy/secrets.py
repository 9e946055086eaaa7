"""One secret of each shape that is known, none of them real; put together here, so that no scanner finds one."""

from __future__ import annotations

SECRETS = [
    "".join(pieces)
    for pieces in (
        ("sk-", "proj-", "Ab1" * 12),
        ("sk-", "ant-api03-", "Cd2" * 12),
        ("AKIA", "IOSFODNN7", "EXAMPLE"),
        ("AIza", "Sy" * 18),
        ("gsk_", "e5F" * 12),
        ("sk_", "live_", "h6G" * 8),
        ("ghp_", "i7J" * 12),
        ("github_pat_", "k8L" * 12),
        ("xoxb-", "123456789012-", "m9N" * 6),
        ("hf_", "o0P" * 10),
        ("eyJ", "hbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxIn0", ".c2lnbmF0dXJl"),
        ("jane.doe+agents", "@", "mail.example.co.uk"),
        ("4111", " 1111", " 1111", " 1111"),
        ("5500", "0000", "0000", "0004"),
        ("3782", "-822463", "-10005"),
    )
]
