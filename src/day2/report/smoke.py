# SPDX-License-Identifier: Apache-2.0
"""A smoke run as text: one line for each phase."""

from collections.abc import Mapping, Sequence
from typing import Any

from day2.report.terminal import Text

_MARKS = {"done": "✓", "failed": "✗", "unproven": "?"}


def phases(rows: Sequence[Mapping[str, Any]], left: Sequence[str]) -> str:
    """Render the phases: mark, name, seconds, and what there is to say."""
    text = Text(colour=False)
    for row in rows:
        mark = _MARKS.get(str(row["outcome"]), "?")
        head = f"{mark} {row['name']:<12}{row['seconds']:>7.1f} s"
        text.add(f"{head}  {row['said']}".rstrip(), indent=2, hanging=27)
    if left:
        text.add()
        text.add("Left behind; the next smoke run looks for it:")
        for one in left:
            text.add(f"- {one}", indent=2, hanging=4)
    return text.render()
