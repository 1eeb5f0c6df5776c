# SPDX-License-Identifier: Apache-2.0
"""Mask what looks like a secret, on the host, before anything leaves it."""

import re

# What is hostile may be long: no pattern may look back or ahead without an end.
SECRETS = (
    (re.compile(r"gAAAA[A-Za-z0-9_\-]{20,}={0,2}"), "***"),
    # A key of Fernet, and one of Ceph: no word stands beside them where they are listed.
    (re.compile(r"(?<![A-Za-z0-9_\-+/=])[A-Za-z0-9_\-]{43}=(?![A-Za-z0-9=])"), "***"),
    (re.compile(r"(?<![A-Za-z0-9+/])AQ[A-Za-z0-9+/]{36}=="), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)"), "***"),
    # The last lines of a file may begin within a key.
    (re.compile(r"(?:^|\n)(?:[A-Za-z0-9+/]{60,76}\n){2,100}[A-Za-z0-9+/]{0,76}={0,2}\n?"
                r"-----END [A-Z ]*PRIVATE KEY-----"), "\n***"),
    (re.compile(r"([a-z][a-z0-9+.\-]{0,20}://[^\s:/@'\"]*:)[^\s@/'\"]+@"), r"\1***@"),
    # A password may have a slash in it that nobody has written as %2F.
    (re.compile(r"((?:rabbit|amqps?|mysql|postgres(?:ql)?|redis|mongodb|etcd3?)(?:\+\w+)?://"
                r"[^\s:/@'\"]{1,64}:)[^\s@'\"]{1,128}@"), r"\1***@"),
    (re.compile(r"([a-z][a-z0-9+.\-]{0,20}://)[A-Za-z0-9_\-]{20,}@"), r"\1***@"),
    (
        re.compile(
            r"((?:x-(?:auth|subject|service|storage|vault)-token|authorization|cookie)"
            r"\\{0,2}['\"]?\s*[:=]\s*\\{0,2}['\"]?)(?:(?:bearer|basic|token) +)?[^\s'\",;}\]]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(\b[\w\-]{0,40}(?:passw(?:or)?d|passphrase|admin_?pass)\\{0,2}['\"]?"
            r"\s*(?:[:=]|=>)\s*u?\\{0,2})"
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
            r"(?:\\{0,2}['\"]?\s*(?:=|=>)\s*u?|\\{0,2}['\"]\s*:\s*u?|:\s*(?=\S{0,200}\d|['\"]))"
            r"\\{0,2})"
            r"('[^'\n]*'|\"[^\"\n]*\"|[^\s'\",;&}\])]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    # Words of a command, and lines of configurations that have a blank where others have a sign.
    (
        re.compile(
            r"((?<!\w)--?[\w\-]{0,30}(?:passw(?:or)?d|passphrase|secret|token|api-?key)"
            r"(?:-?(?:key|id))?(?:\s+|=))(?!-)('[^'\n]*'|\"[^\"\n]*\"|\S+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(\b(?:auth_pass|requirepass|masterauth|masterpass|sasl_password)[ \t]+)"
            r"('[^'\n]*'|\"[^\"\n]*\"|\S+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(\bstats\s+auth\s+[^\s:]{1,64}:)\S+"), r"\1***"),
    (re.compile(r"(\b(?:mysql|mariadb)[\w\-]*\b[^\n]{0,200}?\s-p)(?=[^\s\-])\S+"), r"\1***"),
    (re.compile(r"(\b(?:curl|wget)\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[^\s:]{1,64}:)\S+"), r"\1***"),
    (
        re.compile(r"((?i:using |with |identified by )password\s+)('[^']*'|\"[^\"]*\")"),
        r"\1***",
    ),
    (re.compile(r"((?i:identified by )(?:password )?)('[^']*'|\"[^\"]*\")"), r"\1***"),
    (re.compile(r"\$(?:2[aby]|5|6|y|pbkdf2-sha512)\$[^\s:'\"]{10,}"), "***"),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"), "***"),
)  # fmt: skip


# An environment that is printed as it lies in memory has NULs between its words: no pattern ends
# at one, and the first secret would take the name of the second along and leave its value.
_BLANKS = dict.fromkeys([*range(9), 11, 12, *range(14, 27), *range(28, 32), 127], " ")


def masked(text: str) -> str:
    """Replace what looks like a secret by three stars, and what divides no line by a blank."""
    text = text.translate(_BLANKS)
    for pattern, stars in SECRETS:
        text = pattern.sub(stars, text)
    return text
