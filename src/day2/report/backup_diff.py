# SPDX-License-Identifier: Apache-2.0
"""Two sets of files compared, as plain text."""

from collections.abc import Sequence

from day2.model.backup import Found
from day2.model.comparison import FileChange, KeyChange
from day2.report.terminal import Text

MARKS = {"added": "+", "removed": "-", "changed": "~"}


def compared(before: Found, after: Found, changes: Sequence[FileChange]) -> str:
    """Render what changed: a line for each file, and one for each key."""
    text = Text(colour=False)
    text.add(f"{before.manifest.id} → {after.manifest.id}: {len(changes)} files differ")
    for change in changes:
        what = f": {', '.join(change.what)}" if change.what else ""
        text.add(f"{MARKS[change.verb]} {change.path}{what}", hanging=2)
        for key in change.keys:
            text.add(f"{MARKS[key.verb]} {key.key}{_values(key)}", indent=4, hanging=2)
    return text.render()


def _values(key: KeyChange) -> str:
    if key.hidden:
        return "  (not shown)"
    if key.verb == "added":
        return f": {key.after}"
    return f": {key.before} → {key.after}" if key.verb == "changed" else f": {key.before}"
