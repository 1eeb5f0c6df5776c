# SPDX-License-Identifier: Apache-2.0
"""Mask what looks like a secret, on the host, before anything leaves it."""

import re
from typing import Any

# A value: in quotes up to the same quote (as often escaped, once it stands in a JSON text), or to
# the end of the line where it was cut off; else up to what ends a word.
WRITTEN = (
    r"(?:[bBuU]{1,2}(?=\\{0,7}['\"]))?"
    r"(?:(?P<b>\\{0,7})(?P<q>['\"])[^\n]*?(?:(?<!\\)(?P=b)(?P=q)|(?=\n|\Z))"
    r"|[^\s'\",;&}\])][^\s,;&}\])]*)"
)
PASSWORDS = r"(?:passw(?:or)?d|passphrase|admin_?pass)"
KEYS = (
    r"(?:secret|token|api_?key|private_?key|access_?key|auth_?key|encryption_?key|fernet_?key"
    r"|credential|kek)(?:_?(?:key|id|hash))?"
)
# Short names of passwords; `PWD=/…` is a folder.
SHORT = r"(?:(?:(?<![A-Za-z])|user|db|auth|bind|login|admin|root)pass|pwd(?!=/))"
SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]{0,20}://"
PORT = r"\d{1,5}(?![^\s/?#,;.:'\")\]}>])"
# An account, or what is left of one that was cut off before its `@`.
ACCOUNT = re.compile(
    r"((?:^|[/,])[^\s:/@,\[]{1,64}:)(?:[^\s@,]{1,128}@|(?!/|" + PORT + r")[^\s@,]{1,128}$)"
)


def _logins(found: "re.Match[str]") -> str:
    return ACCOUNT.sub(r"\1***@", found.group())


# What is hostile may be long: no pattern may look back or ahead without an end.
SECRETS: "tuple[tuple[re.Pattern[str], Any], ...]" = (
    (re.compile(r"gAAAA[A-Za-z0-9_\-]{20,}={0,2}"), "***"),
    # A key of Fernet, and one of Ceph: no word stands beside them where they are listed.
    (re.compile(r"(?<![A-Za-z0-9_\-+/=])[A-Za-z0-9_\-]{43}=(?![A-Za-z0-9=])"), "***"),
    (re.compile(r"(?<![A-Za-z0-9+/])AQ[A-Za-z0-9+/]{36}=="), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)"), "***"),
    # The last lines of a file may begin within a key.
    (re.compile(r"(?:^|\n)(?:[A-Za-z0-9+/]{60,76}\n){2,100}[A-Za-z0-9+/]{0,76}={0,2}\n?"
                r"-----END [A-Z ]*PRIVATE KEY-----"), "\n***"),
    # A bus has several hosts in one URL, each with its account.
    (re.compile(r"(?i:rabbit|amqps?|kombu)(?:\+\w+)?://[^\s'\"]{1,2000}"), _logins),
    (re.compile(r"(" + SCHEME + r"[^\s:/@'\"]*:)[^\s@/'\"]+@"), r"\1***@"),
    # A password may have a slash in it that nobody has written as %2F.
    (re.compile(r"((?i:rabbit|amqps?|mysql|postgres(?:ql)?|redis|mongodb|etcd3?)(?:\+\w+)?://"
                r"[^\s:/@'\"]{1,64}:)[^\s@'\"]{1,128}@"), r"\1***@"),
    (re.compile(r"(" + SCHEME + r")[A-Za-z0-9_\-]{20,}@"), r"\1***@"),
    # Cut off before the `@`: what stands behind the colon at a line's end is no port.
    (re.compile(r"(" + SCHEME + r"(?!sha\d)[^\s:/@'\"\[]{0,64}:)(?!" + PORT + r"|\*)"
                r"[^\s@'\"/][^\s@'\"]{0,128}(?=[ \t\r]*(?:\n|\Z))"), r"\1***"),
    # A cookie has several parts; its line ends with the last one.
    (re.compile(r"(\b(?:set-)?cookie\\{0,7}['\"]?\s*:\s*)\\{0,7}['\"]?[^\n'\"]+", re.IGNORECASE),
     r"\1***"),
    (
        re.compile(
            r"((?:x-(?:auth|subject|service|storage|vault)-token|authorization|cookie(?!\\{0,7}['\"]?\s*:))"
            r"\\{0,7}['\"]?\s*[:=]\s*(?:[bu](?=['\"]))?\\{0,7}['\"]?)"
            r"(?:(?:bearer|basic|token|digest|negotiate) +)?[^\s'\",;}\]]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"((?:\bsignature|temp_url_sig|x-amz-signature)=)[^\s&'\",;]+", re.IGNORECASE),
     r"\1***"),
    # In YAML a value may stand in the lines below its name, in the query of a URL behind %3D.
    (re.compile(r"(" + PASSWORDS + r"[ \t]*:[ \t]*[|>][+\-0-9]{0,2}[ \t]*)(?:\n[ \t]+[^\n]*)+",
                re.IGNORECASE), r"\1***"),
    (re.compile(r"((?:" + PASSWORDS + r"|" + SHORT + r"|" + KEYS + r")"
                r"(?:%22|%27)?%3[ad](?:%20|%22|%27|\+)*)(?:[^\s%&;'\"]|%(?!2[267c]|7d))+",
                re.IGNORECASE), r"\1***"),
    (
        re.compile(
            r"(\b[\w\-]{0,40}" + PASSWORDS + r"\\{0,7}['\"]?\s*(?:[=\-]>|[:=])\s*)"
            r"(?!(?:NO|YES)\b)" + WRITTEN,
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    # `token: An error …` is prose: after a colon and a blank only what looks like a value is one.
    (
        re.compile(
            r"(\b[\w\-]{0,40}(?:" + KEYS + r"|" + SHORT + r")(?:\\{0,7}['\"]?\s*(?:[=\-]>|=)\s*"
            r"|\\{0,7}['\"]\s*:\s*|:\s*(?=\S{0,200}\d|[bu]?\\{0,7}['\"])))" + WRITTEN,
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"(<(?:\w{1,20}:)?(?:" + PASSWORDS + r"|secret|token)\b[^<>\n]{0,200}>)"
                r"[^<\n]+(?=</)", re.IGNORECASE), r"\1***"),
    # Words of a command, and lines of configurations that have a blank where others have a sign.
    (
        re.compile(
            r"((?<!\w)--?[\w\-]{0,30}(?:passw(?:or)?d|passphrase|secret|token|api-?key)"
            r"(?:-?(?:key|id))?(?:\s+|=))(?!-)(?:'[^'\n]*'?|\"[^\"\n]*\"?|\S+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(\b(?:auth_pass|requirepass|masterauth|masterpass|sasl_password)[ \t]+)"
            r"(?:'[^'\n]*'?|\"[^\"\n]*\"?|\S+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(\bwsrep_sst_auth\s*=\s*['\"]?[^\s:'\"]{1,64}:)[^\s'\"]+"), r"\1***"),
    (re.compile(r"(\bstats\s+auth\s+[^\s:]{1,64}:)\S+"), r"\1***"),
    (re.compile(r"(\bMYSQL_PWD=)\S+"), r"\1***"),
    (re.compile(r"((?<![\w\-])(?:mysql|mariadb)[\w\-]{0,30}(?![\w\-])[^\n]{0,200}?\s-p)"
                r"(?=[^\s\-])\S+"), r"\1***"),
    (re.compile(r"(\bsshpass\s+-p\s?)\S+"), r"\1***"),
    (re.compile(r"(\bredis-cli\b[^\n]{0,200}?\s-a\s+)\S+"), r"\1***"),
    (re.compile(r"(\brabbitmqctl\b[^\n]{0,200}?\s(?:add_user|change_password|authenticate_user)"
                r"\s+\S{1,64}\s+)\S+"), r"\1***"),
    (re.compile(r"(\b(?:curl|wget)\b[^\n]{0,200}?\s(?:-u|--user)[ =]?[^\s:]{1,64}:)\S+"), r"\1***"),
    (
        re.compile(
            r"((?i:using |with |identified by )(?i:password)\s+|(?i:\bpassword)\s*\(\s*)"
            r"(?:'[^'\n]*'?|\"[^\"\n]*\"?)"
        ),
        r"\1***",
    ),
    (re.compile(r"((?i:identified (?:by|(?:via|with) \w{1,40} (?:using|as|by)) (?:password )?))"
                r"(?:'[^'\n]*'?|\"[^\"\n]*\"?)"), r"\1***"),
    (re.compile(r"\$(?:2[aby]|5|6|y|pbkdf2-sha512)\$[^\s:'\"]{10,}"), "***"),
    (re.compile(r"(?<![\w\-])eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"), "***"),
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
