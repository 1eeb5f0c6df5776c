# SPDX-License-Identifier: Apache-2.0
"""Text from the cloud, made harmless and short: escaping is the template's work, not this one's."""

from day2.report.terminal import plain

DEFAULT = 400


def clip(text: str, most: int = DEFAULT) -> str:
    """Return it printable and bounded; what is cut is counted."""
    clean = plain(text[: most + 1])
    if len(text) <= most:
        return clean
    return f"{clean[: most - 1]}… ({len(text):,} characters)"


def lines(text: str, most: int = DEFAULT, lines_max: int = 40) -> str:
    """Return several lines, each printable, bounded in length and number."""
    cut = text[:most].split("\n")
    shown = [plain(line.rstrip("\r")) for line in cut[:lines_max]]
    whole = len(text) <= most and len(cut) <= lines_max
    return "\n".join(shown if whole else [*shown, f"… ({len(text):,} characters)"])
