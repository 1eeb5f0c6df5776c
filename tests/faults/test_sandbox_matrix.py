# SPDX-License-Identifier: Apache-2.0
"""Every call of a round under every fault of the sandbox: told in the right words, or unharmed.

The calls come from the sandbox's own log of a whole survey. `TEST_FULL=1` plays them all and
prints the table; otherwise a sample whose seed is printed (`DAY2_MATRIX_SEED` plays one again).
"""

import itertools
import os
import queue
import random
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from day2.model.survey import Survey
from day2.sandbox.faults import Kind, Rule
from tests.faults.process import day2
from tests.faults.sandbox_site import Bench, Call, judged, running, told

SAMPLE = 36
COMMANDS = 4
GOES_AWAY = ("/resource_providers/{id}/", "/v2.1/servers/{id}")
BENCHES = 3
SECONDS_MAX = 20
COMMAND_SECONDS_MAX = 60
STATUSES = (401, 403, 404, 429, 503)
FAULTS = (*(kind for kind in get_args(Kind) if kind != "status"), *map(str, STATUSES))
LATE = r"no answer in time|still arriving|unanswered|not read within"
SAID = {
    "delay": LATE,
    "drip": LATE,
    "hang": LATE,
    "html": r"HTTP 502|HTML",
    "truncate": r"breaks off",
    "reset": r"reset",
    "close": r"closed without an answer",
    # Its `limit` is refused by lists that are never paged.
    "loop": r"again|already read|without end|repeats|HTTP 400",
    "types": r"not what this API promises|holds no token|catalogue|names no version|has no",
    "null": r"not what this API promises|holds no token|names no version|NoneType|has no",
    "header": r"header",
    "401": r"HTTP 401|refused",
    "403": r"HTTP 403|refused",
    "404": r"HTTP 404|404",
    "429": r"429",
    "503": r"HTTP 503",
}
SECONDS = {"delay": 3.0, "drip": 0.3}


class Outcome(msgspec.Struct, frozen=True):
    """What became of one cell: a word for the table, and what is wrong with it."""

    word: str
    wrong: str = ""


def rule(call: Call, fault: str) -> Rule:
    status = int(fault) if fault.isdigit() else 503
    kind = "status" if fault.isdigit() else fault
    return Rule(
        kind=kind,  # type: ignore[arg-type] # of FAULTS
        service=call.service,
        method=call.method,
        path=call.pattern,
        status=status,
        seconds=SECONDS.get(fault, 1.0),
    )


def play(bench: Bench, whole: dict[str, list[str]], call: Call, fault: str) -> Outcome:
    """Read the cloud with this call broken; anything that raises is a crash of a round."""
    survey, seconds, hits = bench.read(rule(call, fault))
    keys = judged(survey)
    if not hits:
        return Outcome("-", "the fault met no request")
    if seconds > SECONDS_MAX:
        return Outcome("hang", f"it took {seconds:.0f} s")
    fitting = [gap for gap in survey.gaps if re.search(SAID[fault], gap.message)]
    lost = _lost(survey, whole)
    if fault == "404" and lost and call.path.startswith(GOES_AWAY):
        # What is not there any more since it was listed tells nothing: nothing is wrong with that.
        return Outcome("gone")
    if lost:
        return Outcome("lost", f"{', '.join(sorted(lost))} differ without a gap")
    if fitting or not survey.gaps:
        return Outcome(min((gap.error for gap in fitting), default=_untold(survey, call, keys)))
    return Outcome("said", f"not in the right words: {survey.gaps[0].message}")


def _untold(survey: Survey, call: Call, keys: set[str]) -> str:
    """Name what has no gap: a finding about the address, its probe, or nothing was harmed."""
    if call.path != "/":
        return "whole"
    if any(key.startswith("identity.endpoint") for key in keys):
        return "finding"
    odd = any(row.error or row.status not in {200, 300} for row in survey.tables.api_probes)
    return "probed" if odd else "whole"


def _lost(survey: Survey, whole: dict[str, list[str]]) -> set[str]:
    """Return the tables that are not what they were, and do not say so."""
    now = told(survey)
    gaps = {gap.kind for gap in survey.gaps}
    differ = {kind for kind, rows in whole.items() if rows != now[kind]}
    return {kind for kind in differ if kind not in gaps}


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Bench]]:
    count = BENCHES if os.environ.get("TEST_FULL") else 1
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("sandboxes")
        yield [stack.enter_context(running(folder / str(n))) for n in range(count)]


def played(benches: list[Bench], cells: list[tuple[Call, str]]) -> dict[tuple[Call, str], Outcome]:
    """Play the cells, side by side where there is more than one bench."""
    todo: queue.SimpleQueue[tuple[Call, str]] = queue.SimpleQueue()
    for cell in cells:
        todo.put(cell)
    found: dict[tuple[Call, str], Outcome] = {}

    def work(bench: Bench) -> None:
        survey, _seconds, _hits = bench.read()
        whole = told(survey)
        while True:
            try:
                cell = todo.get_nowait()
            except queue.Empty:
                return
            try:
                found[cell] = play(bench, whole, *cell)
            except Exception as error:  # noqa: BLE001 - the cell's outcome: a round would crash
                found[cell] = Outcome("crash", f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(bench,)) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def calls_of(bench: Bench) -> list[Call]:
    survey, _seconds, _hits = bench.read()
    assert survey.gaps == []
    return sorted(bench.calls)


def table(found: dict[tuple[Call, str], Outcome]) -> str:
    rows = [f"| call | {' | '.join(FAULTS)} |", f"|---|{'---|' * len(FAULTS)}"]
    for call in sorted({cell[0] for cell in found}):
        words = (found[call, fault].word for fault in FAULTS)
        rows.append(f"| {call} | {' | '.join(words)} |")
    return "\n".join(rows)


def wrong(found: dict[tuple[Call, str], Outcome]) -> list[str]:
    return [
        f"{call} x {fault}: {outcome.word}: {outcome.wrong}"
        for (call, fault), outcome in sorted(found.items())
        if outcome.wrong
    ]


def chosen(calls: list[Call], count: int) -> tuple[int, list[tuple[Call, str]]]:
    seed = int(os.environ.get("DAY2_MATRIX_SEED") or secrets.randbelow(10**6))
    cells = list(itertools.product(calls, FAULTS))
    return seed, random.Random(seed).sample(cells, count)  # noqa: S311 - a sample


@pytest.mark.timeout(1800)
def test_no_fault_of_any_call_is_dropped_or_kills_a_round(benches: list[Bench]) -> None:
    calls = calls_of(benches[0])
    assert len(calls) > 40
    if os.environ.get("TEST_FULL"):
        cells = list(itertools.product(calls, FAULTS))
        found = played(benches, cells)
        print(f"\n{table(found)}")  # noqa: T201 - the table is the result
    else:
        seed, cells = chosen(calls, SAMPLE)
        print(f"seed {seed}")  # noqa: T201 - to play it again
        found = played(benches, cells)
    assert set(found) == set(cells)
    assert not wrong(found), "\n" + "\n".join(wrong(found))


def test_the_whole_command_says_a_gap_and_ends(benches: list[Bench], tmp_path: Path) -> None:
    bench = benches[0]
    seed, cells = chosen(calls_of(bench), COMMANDS)
    print(f"seed {seed}")  # noqa: T201 - to play it again
    for number, (call, fault) in enumerate(cells):
        bench.app.faults.set([rule(call, fault)])
        ended = day2(
            tmp_path / str(number), "round", "daily", "-f", "json",
            config=bench.config, seconds=COMMAND_SECONDS_MAX,
        )  # fmt: skip
        bench.app.faults.set([])
        assert ended.code in {0, 10, 11, 12, 21}, (call, fault, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert ended.seconds < COMMAND_SECONDS_MAX
        for gap in ended.document["gaps"]:
            assert gap["message"].isprintable()
