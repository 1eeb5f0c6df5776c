# SPDX-License-Identifier: Apache-2.0
"""What machines say is hostile: neither a secret nor a control character may pass.

This is the one masking for all that is shown or kept: logs, evidence, stories.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from day2.adapters.remote.host_facts import LINE_LENGTH
from day2.adapters.remote.log_masks import masked

SECRET_LENGTH_MIN = 8
TEXT_MAX = 16 << 10


class Cleaner:
    """Cleans texts; `secrets` are passwords that are known, whatever stands around them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= SECRET_LENGTH_MIN}
        written = {form for secret in long_enough for form in _forms(secret)}
        # The longest first: one may be a part of another.
        self._secrets = sorted(written, key=lambda form: (-len(form), form))

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters; its lines stay lines."""
        whole = len(text) <= TEXT_MAX
        *lines, last = text[:TEXT_MAX].split("\n")
        # A line as long as lines may be was cut off, perhaps within a secret.
        lines = [self._ended(one) if len(one) >= LINE_LENGTH else one for one in lines]
        lines.append(last if whole and len(last) < LINE_LENGTH else self._ended(last))
        text = "\n".join(lines)
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "***")
        return "\n".join(_printable(line) for line in masked(text).split("\n"))

    def line(self, text: str) -> str:
        """Return the first line of it, short."""
        return self.clean(text[:LINE_LENGTH]).split("\n", 1)[0]

    def _ended(self, line: str) -> str:
        """Return a line that was cut off without the beginning of a secret at its end."""
        for secret in self._secrets:
            start = line.find(secret[:SECRET_LENGTH_MIN], -len(secret))
            if start >= 0 and secret.startswith(line[start:]):
                return line[:start] + "***"
        return line

    def lines(self, texts: Sequence[str]) -> list[str]:
        """Return lines that belong together cleaned as one text: a secret may have several."""
        cleaned: list[str] = []
        part: list[str] = []
        size = 0
        for text in texts:
            if size + len(text) >= TEXT_MAX and part:
                cleaned += self.clean("\n".join(part)).split("\n")
                part, size = [], 0
            part.append(text.replace("\n", " "))
            size += len(text) + 1
        return cleaned + (self.clean("\n".join(part)).split("\n") if part else [])

    def tree(self, tree: Any) -> Any:  # noqa: ANN401 - whatever becomes JSON
        """Return a copy of what will be JSON with every text in it cleaned, names of keys too."""
        if isinstance(tree, str):
            return self.clean(tree)
        if isinstance(tree, dict):
            return {self.clean(str(key)): self._under(str(key), one) for key, one in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.tree(one) for one in tree]
        return tree

    def _under(self, key: str, value: Any) -> Any:  # noqa: ANN401
        """Clean what stands under a name as if it were written beside it: `password: …`."""
        if isinstance(value, str) and value and masked(f"{key}='{_bare(value)}'") == f"{key}=***":
            return "***"
        return self.tree(value)


def _bare(value: str) -> str:
    return value.replace("'", "").replace("\n", " ") or "x"


def _forms(secret: str) -> Iterable[str]:
    """Yield a secret as it may be written: as it is, in a URL, in JSON, in a header."""
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    # A key of several lines is known by each of them.
    for line in secret.splitlines():
        if len(line) >= 3 * SECRET_LENGTH_MIN and not line.startswith("-----"):
            yield line


def _printable(line: str) -> str:
    expanded = line.replace("\t", "    ")
    if expanded.isprintable():
        return expanded
    return "".join(c if c.isprintable() else "?" for c in expanded)
