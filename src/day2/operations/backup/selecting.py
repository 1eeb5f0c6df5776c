# SPDX-License-Identifier: Apache-2.0
"""Pure: which volumes their projects, or the operators, want backed up; none by itself."""

from collections.abc import Sequence

from day2.errors import BadSettings
from day2.model.tables.storage import Volume

METADATA, TYPE, PROJECT = "metadata", "type", "project"
READY = frozenset({"available", "in-use"})


def selected(volumes: Sequence[Volume], selector: Sequence[str]) -> list[Volume]:
    """Return the volumes that any word of the selector means, by id.

    Raises:
        BadSettings: when a word is none of `metadata:KEY=VALUE`, `type:NAME`, `project:ID`.

    """
    words = [_parsed(word) for word in selector]
    return sorted(
        (v for v in volumes if any(_means(word, v) for word in words)), key=lambda v: v.id
    )


def why_not(volume: Volume) -> str:
    """Say why Cinder would refuse to back a volume up now; empty when it would not."""
    return "" if volume.status in READY else f"its status is {volume.status}"


def _parsed(word: str) -> tuple[str, str, str]:
    what, _colon, rest = word.partition(":")
    key, equals, value = rest.partition("=")
    if what == METADATA and key and equals:
        return what, key, value
    if what in {TYPE, PROJECT} and rest:
        return what, rest, ""
    raise BadSettings(
        f"backup.volumes_selector: {word!r} selects nothing that day2 knows",
        hint="metadata:KEY=VALUE, type:NAME, or project:ID",
    )


def _means(word: tuple[str, str, str], volume: Volume) -> bool:
    what, key, value = word
    if what == METADATA:
        return volume.metadata.get(key) == value
    return key == (volume.volume_type if what == TYPE else volume.project_id)
