# SPDX-License-Identifier: Apache-2.0
"""Group messages by what they say; the same messages get the same keys in whatever order they come.

drain3 alone would not do: it learns while it reads, so its templates depend on the order, and it
takes `attach` and `detach` for two values of one template. So it only proposes groups, over sorted
messages, and a position becomes a value when enough different words were seen there.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from drain3.drain import Drain

from day2.operations.logs.mask import VALUE

SIMILARITY = 0.7
# So many different plain words at one place of a message are names; fewer may be what a service
# does (attach, detach, resize), and are other messages.
NAMES_MIN = 10
KEY_LENGTH = 16
# What is a value already must count as equal to itself, which drain3's own sign does not.
MASKED = "<v>"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A template that an earlier review had."""

    key: str
    service: str
    template: str


class Mined(msgspec.Struct, frozen=True, kw_only=True):
    """The template of a message and its stable key."""

    key: str
    template: str


def key_of(service: str, *words: str) -> str:
    """Make a key of what identifies a template."""
    text = "\0".join((service, *words))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def mine(
    messages: Iterable[tuple[str, str]], known: Sequence[Known] = ()
) -> Mapping[tuple[str, str], Mined]:
    """Return the template of each (service, masked message)."""
    by_service: dict[str, set[str]] = defaultdict(set)
    for service, text in messages:
        by_service[service].add(text)
    remembered: dict[str, list[Known]] = defaultdict(list)
    for template in known:
        remembered[template.service].append(template)
    return {
        (service, text): found
        for service, texts in sorted(by_service.items())
        for text, found in _of_service(service, sorted(texts), remembered[service]).items()
    }


def _of_service(service: str, texts: Sequence[str], known: Sequence[Known]) -> dict[str, Mined]:
    found: dict[str, Mined] = {}
    exact = {one.template: one for one in reversed(known)}
    by_length: dict[int, list[tuple[list[str], Known]]] = defaultdict(list)
    for one in known:
        words = one.template.split()
        by_length[len(words)].append((words, one))
    unknown = []
    for text in texts:
        words = text.split()
        match = exact.get(text) or _matching(words, by_length[len(words)])
        if match is None:
            unknown.append(text)
        else:
            found[text] = Mined(key=match.key, template=match.template)
    for template, members in _grouped(unknown).items():
        words = template.split()
        # A template that has become more general than one of before keeps that one's key.
        older = next((o for w, o in by_length[len(words)] if _covers(words, w)), None)
        key = older.key if older else key_of(service, template)
        found |= dict.fromkeys(members, Mined(key=key, template=template))
    return found


def _matching(words: Sequence[str], known: Iterable[tuple[list[str], Known]]) -> Known | None:
    return next((one for template, one in known if _covers(template, words)), None)


def _covers(template: Sequence[str], words: Sequence[str]) -> bool:
    pairs = zip(template, words, strict=True)
    return len(template) == len(words) and all(a in (VALUE, b) for a, b in pairs)


def _grouped(texts: Sequence[str]) -> dict[str, list[str]]:
    """Group sorted messages; return the members of each template."""
    drain = Drain(
        depth=4,
        sim_th=SIMILARITY,
        max_children=1000,
        param_str=VALUE,
        parametrize_numeric_tokens=False,
    )
    clusters: dict[int, list[str]] = defaultdict(list)
    for text in texts:
        cluster, _change = drain.add_log_message(text.replace(VALUE, MASKED))
        clusters[cluster.cluster_id].append(text)
    groups: dict[str, list[str]] = defaultdict(list)
    for members in clusters.values():
        for template, some in _verified(members).items():
            groups[template] += some
    return groups


def _verified(members: Sequence[str]) -> dict[str, list[str]]:
    """Take a group for one template only where each of its values has enough different names."""
    columns = list(zip(*(text.split() for text in members), strict=True))
    words = [column[0] if len(set(column)) == 1 else VALUE for column in columns]
    for word, column in zip(words, columns, strict=True):
        if word == VALUE and _are_words(set(column)):
            return {text: [text] for text in members}
    return {" ".join(words): list(members)}


def _are_words(seen: set[str]) -> bool:
    plain = {word for word in seen if VALUE not in word}
    return len(seen) > 1 and 0 < len(plain) < NAMES_MIN
