# SPDX-License-Identifier: Apache-2.0
"""Log lines are hostile: neither a secret nor a control character may pass."""

from collections.abc import Iterable

from day2.adapters.remote.log_masks import masked

SECRET_LENGTH_MIN = 8
TEXT_MAX = 16 << 10


class Cleaner:
    """Cleans texts; `secrets` are passwords that are known, whatever stands around them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may be a part of another.
        long_enough = {secret for secret in secrets if len(secret) >= SECRET_LENGTH_MIN}
        self._secrets = sorted(long_enough, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters; its lines stay lines."""
        text = text[:TEXT_MAX]
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return "\n".join(_printable(line) for line in masked(text).split("\n"))

    def line(self, text: str) -> str:
        """Return the first line of it, short."""
        return self.clean(text[:500]).split("\n", 1)[0]


def _printable(line: str) -> str:
    expanded = line.replace("\t", "    ")
    if expanded.isprintable():
        return expanded
    return "".join(c if c.isprintable() else "?" for c in expanded)
