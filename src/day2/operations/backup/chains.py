# SPDX-License-Identifier: Apache-2.0
"""Increments: what one stands on, and when everything is taken again."""

from collections.abc import Sequence

from day2.model.backup import Found, Kind, Method, State
from day2.operations.backup.standing import usable


def parent_for(found: Sequence[Found], kind: Kind, longest: int) -> Found | None:
    """Return the set that an increment would be taken from; None: take everything.

    It is the newest of its kind that could be restored with all that it stands on. `longest` bounds
    the increments that stand on one full set: the further it is, the more sets one loss ends.
    """
    good = [one for one in usable(found) if one.manifest.kind is kind]
    if not good or longest < 1:
        return None
    newest = good[-1]
    links = chain(found, newest)
    # What is condemned will be removed: nothing more is built on it.
    if any(link.state is not State.GOOD for link in links):
        return None
    return newest if len(links) <= longest else None


def chain(found: Sequence[Found], one: Found) -> list[Found]:
    """Return a set and those that it stands on, the full one last; as far as they are there."""
    by_id = {other.manifest.id: other for other in found}
    links: list[Found] = []
    link: Found | None = one
    while link is not None and link not in links:
        links.append(link)
        if link.manifest.method is not Method.INCREMENT:
            break
        link = by_id.get(link.manifest.parent)
    return links
