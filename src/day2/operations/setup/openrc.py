# SPDX-License-Identifier: Apache-2.0
"""Read the OS_* variables of an openrc file as text; nothing of it is ever executed."""

import re
from collections.abc import Mapping

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(OS_[A-Z0-9_]+)=(.*)$")
_COMMENT = re.compile(r"\s+#.*$")


def variables(text: str) -> dict[str, str]:
    """Return the variables that the file would set.

    A value that only a shell could work out (`$OTHER`, `$(command)`) is left out, except in single
    quotes, where a shell would take it as it stands.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if not match:
            continue
        value = _literal(match[2].strip())
        if value is None:
            found.pop(match[1], None)
        else:
            found[match[1]] = value
    return found


def _literal(written: str) -> str | None:
    quote = written[:1]
    if quote in {"'", '"'}:
        end = written.find(quote, 1)
        if end < 0:
            return None
        inner = written[1:end]
        return inner if quote == "'" or not ({"$", "`", "\\"} & set(inner)) else None
    plain = _COMMENT.sub("", written).split(";")[0].strip()
    return None if {"$", "`", "\\", " "} & set(plain) else plain


def of_environment(environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return the OS_* variables of a shell that sourced an openrc file; None where none did."""
    found = {k: v for k, v in environment.items() if k.startswith("OS_")}
    return found if found.get("OS_AUTH_URL") else None


def interface(variables: Mapping[str, str]) -> str:
    """Return which endpoints the variables ask for: public, internal or admin."""
    named = variables.get("OS_INTERFACE") or variables.get("OS_ENDPOINT_TYPE") or ""
    return named.removesuffix("URL")
