# SPDX-License-Identifier: Apache-2.0
"""Templates: different ones stay apart, variants stay together, keys depend on no order."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from day2.operations.logs import mask, mine
from day2.operations.logs.mine import Known

VERBS = ("attach", "detach", "create", "delete", "migrate", "resize", "rebuild", "snapshot")
THINGS = (
    "volume {} to server {}",
    "port {} on host '{}'",
    "image {} in pool {}",
    "router {} at agent {}",
    "network {} with segment {}",
    "server {} from {}",
    "address {} of interface {}",
    "key {} for project '{}'",
)
PLANTED = [f"Failed to {verb} {thing}" for verb, thing in itertools.product(VERBS, THINGS)]
PLANTED.append("The hypervisor {} lost its mind at sector {}")


def value(number: int, kind: int) -> str:
    text = hashlib.sha256(f"{number}.{kind}".encode()).hexdigest()
    uuid = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"
    values = (uuid, f"10.0.{number % 250}.{kind}", f"compute{number:02}", f"0x{text[:8]}")
    return values[(number + kind) % len(values)]


def corpus() -> list[tuple[str, str]]:
    return [
        (template, mask.values(template.format(value(n, 1), value(n, 2))))
        for template in PLANTED
        for n in range(20)
    ]


def test_planted_templates_stay_apart_and_their_variants_together() -> None:
    lines = corpus()
    found = mine.mine(("nova", text) for _planted, text in lines)
    keys: dict[str, set[str]] = {}
    for planted, text in lines:
        keys.setdefault(planted, set()).add(found["nova", text].key)
    assert len(PLANTED) == 65
    assert all(len(some) == 1 for some in keys.values())
    assert len({key for some in keys.values() for key in some}) == 65


@settings(max_examples=20, deadline=None)
@given(st.permutations(corpus()[::7]))
def test_the_same_lines_in_another_order_have_the_same_keys(lines: list[tuple[str, str]]) -> None:
    here = mine.mine(("nova", text) for _planted, text in lines)
    there = mine.mine(("nova", text) for _planted, text in corpus()[::7])
    assert here == there


NAMES = tuple(f"{a}{b}" for a in ("al", "be", "ga", "de") for b in ("fa", "ma", "ta"))


def texts(*names: str) -> list[tuple[str, str]]:
    return [("nova", f"a.b: Project {name} has used up its quota of cores") for name in names]


def test_many_names_at_one_place_are_one_template_and_few_are_not() -> None:
    assert len({m.key for m in mine.mine(texts(*NAMES)).values()}) == 1
    assert len({m.key for m in mine.mine(texts(*NAMES[:2])).values()}) == 2


def test_a_template_that_becomes_general_keeps_the_key_that_is_known() -> None:
    (first,) = mine.mine(texts("alpha")).values()
    known = [Known(key=first.key, service="nova", template=first.template)]
    found = set(mine.mine(texts(*NAMES), known).values())
    assert {one.key for one in found} == {first.key}
    assert mine.mine(texts("omega"), known)[texts("omega")[0]].key != first.key


def test_what_a_known_template_covers_is_not_new() -> None:
    general = Known(key="k", service="nova", template=f"a.b: Project {mask.VALUE} has used up")
    found = mine.mine([("nova", "a.b: Project zeta has used up")], [general])
    assert [one.key for one in found.values()] == ["k"]


@pytest.mark.parametrize("other", ["neutron", "cinder"])
def test_another_service_has_another_key(other: str) -> None:
    found = mine.mine([("nova", "It broke"), (other, "It broke")])
    assert len({one.key for one in found.values()}) == 2
