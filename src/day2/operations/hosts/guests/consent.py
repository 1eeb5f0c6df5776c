# SPDX-License-Identifier: Apache-2.0
"""What owners say about maintenance of their servers: the tag `day2:maintenance=WORD`."""

import enum
from collections.abc import Iterable

import msgspec

TAG = "day2:maintenance="


class Consent(enum.StrEnum):
    """The word of an owner.

    `live`: never restart it; `cold`: stop, move and start it; `leave`: let it stop with its host;
    `ask`: talk to me first.
    """

    NONE = ""
    LIVE = "live"
    COLD = "cold"
    LEAVE = "leave"
    ASK = "ask"


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A consent and, where it must be explained, why it counts as `ask`."""

    consent: Consent
    why: str = ""


def consent(tags: Iterable[str]) -> Word:
    """Read the tags of a server; a word that nobody knows, or two different ones, is `ask`."""
    words = sorted({tag.removeprefix(TAG) for tag in tags if tag.startswith(TAG)})
    known = set(Consent) - {Consent.NONE}
    if not words:
        return Word(consent=Consent.NONE)
    if len(words) > 1:
        return Word(consent=Consent.ASK, why=f"its tags contradict each other: {', '.join(words)}")
    if words[0] not in known:
        return Word(
            consent=Consent.ASK, why=f"its tag {TAG}{words[0]} has no meaning that day2 knows"
        )
    found = Consent(words[0])
    return Word(consent=found, why=f"its tag {TAG}ask asks so" if found is Consent.ASK else "")
