# SPDX-License-Identifier: Apache-2.0
"""What `day2 init` found and wrote, for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from day2.report.terminal import Text, plain

_GREEN = "\x1b[32m"
_YELLOW = "\x1b[1;33m"
MARGIN = 18


def render(
    *,
    file: Path,
    kept: Path | None,
    seen: Sequence[tuple[str, str]],
    missing: Sequence[tuple[str, str]],
    sections: Mapping[str, Sequence[str]],
    off: Mapping[str, Sequence[str]],
    following: Sequence[str],
    colour: bool = False,
) -> str:
    """Say what was found where, what was not, what was written, and what to type next."""
    text = Text(colour=colour)
    text.add("Found", style=_GREEN)
    _pairs(text, seen)
    if missing:
        text.add()
        text.add("Not found", style=_YELLOW)
        _pairs(text, missing)
    text.add()
    text.add("Written", style=_GREEN)
    _pairs(text, [("file", f"{file} (mode 0600, no secret in it)")])
    if kept:
        _pairs(text, [("the old one", str(kept))])
    for cloud, names in sections.items():
        later = f"; as comment, to be completed: {', '.join(off[cloud])}" if off.get(cloud) else ""
        _pairs(text, [(f"cloud {cloud}", f"{', '.join(names)}{later}; access: observe")])
    text.add()
    text.add("Next", style=_GREEN)
    for command in following:
        text.lines.append(f"  {plain(command)}")  # never wrapped: it is to be copied
    return text.render()


def _pairs(text: Text, pairs: Sequence[tuple[str, str]]) -> None:
    for what, where in pairs:
        label = f"{what}:"
        text.add(f"{label:<{MARGIN}} {where}", indent=2, hanging=MARGIN + 3)
