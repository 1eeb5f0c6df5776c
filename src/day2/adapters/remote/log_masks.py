# SPDX-License-Identifier: Apache-2.0
"""Mask what looks like a secret, on the host, before anything leaves it."""

import re

# What is hostile may be long: no pattern may look back or ahead without an end.
SECRETS = (
    (re.compile(r"gAAAA[A-Za-z0-9_\-]{20,}={0,2}"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)"), "***"),
    (re.compile(r"([a-z][a-z0-9+.\-]{0,20}://[^\s:/@'\"]*:)[^\s@/'\"]+@"), r"\1***@"),
    (
        re.compile(
            r"((?:x-(?:auth|subject|service|storage|vault)-token|authorization|cookie)['\"]?\s*"
            r"[:=]\s*['\"]?)(?:(?:bearer|basic|token) +)?[^\s'\",;}\]]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(\b[\w\-]{0,40}(?:passw(?:or)?d|passphrase|admin_?pass)['\"]?\s*(?:[:=]|=>)\s*u?)"
            r"(?!(?:NO|YES)\b)('[^'\n]*'|\"[^\"\n]*\"|[^\s'\",;&}\])]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    # `token: An error …` is prose: after a colon and a blank only what looks like a value is one.
    (
        re.compile(
            r"(\b[\w\-]{0,40}(?:secret|token|api_?key|private_?key|access_?key|auth_?key|credential)"
            r"(?:_?(?:key|id|hash))?"
            r"(?:['\"]?\s*(?:=|=>)\s*u?|['\"]\s*:\s*u?|:\s*(?=\S{0,200}\d|['\"])))"
            r"('[^'\n]*'|\"[^\"\n]*\"|[^\s'\",;&}\])]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"((?i:using |with |identified by )password\s+)('[^']*'|\"[^\"]*\")"), r"\1***"),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"), "***"),
)  # fmt: skip


def masked(text: str) -> str:
    """Replace what looks like a secret by three stars."""
    for pattern, stars in SECRETS:
        text = pattern.sub(stars, text)
    return text
