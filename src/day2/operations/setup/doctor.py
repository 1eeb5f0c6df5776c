# SPDX-License-Identifier: Apache-2.0
"""Try everything that day2 needs, all at once and bounded in time; each thing becomes an item."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from day2 import errors
from day2.adapters.clock import Clock
from day2.model.examination import Item, State
from day2.model.survey import Gap
from day2.survey.lanes import Job, Result, Runner

WIDTH = 8
# A lane that left this many requests unanswered is let alone: it would only cost time.
FAILURES_MAX = 2
ANY_CLOUD = "clouds.NAME."
CODES: Mapping[str, int] = {
    kind.__name__: kind.exit_code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.Day2Error)
}


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to try: `run` returns its items, or raises a named failure that becomes one.

    It starts when the probes in `after` have ended; probes of one lane share a server.
    """

    id: str
    title: str
    lane: str
    run: Callable[[], Sequence[Item]]
    after: tuple[str, ...] = ()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part below the APIs that the survey reads by jobs of its own (database, hosts, …).

    `unset` says what is not seen while its section is not set; what is not `needed` only warns.
    """

    id: str
    title: str
    kinds: tuple[str, ...]
    section: str
    unset: str
    cure: str
    commands: tuple[str, ...] = ()
    needed: bool = True


def examine(
    probes: Iterable[Probe],
    jobs: Iterable[Job],
    parts: Iterable[Part],
    *,
    cloud: str,
    clock: Clock,
    seconds_max: float,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Item]:
    """Try the probes and the jobs of the parts; what does not end in time has failed."""
    tried = list(probes)
    reads = list(jobs)
    runner = Runner(
        clock=clock,
        width=WIDTH,
        failures_max=FAILURES_MAX,
        seconds_max=seconds_max,
        progress=progress,
    )
    gathered = runner.run([*(_job(probe) for probe in tried), *reads])
    gaps: dict[str, list[Gap]] = {}
    for gap in gathered.gaps:
        gaps.setdefault(gap.kind, []).append(gap)
    items: list[Item] = []
    for probe in tried:
        items += gathered.rows.get(probe.id, [])
        for gap in gaps.get(probe.id, []):
            items.append(failed(probe.id, probe.title, gap.error, gap.message, gap.hint))
    asked = {kind for job in reads for kind in job.kinds}
    for part in parts:
        items.append(_part(part, asked, gathered.rows, gaps, cloud))
    return [_of_cloud(item, cloud) for item in items]


def _of_cloud(item: Item, cloud: str) -> Item:
    """Say which cloud it is about, in hints too: adapters do not know its name."""
    return msgspec.structs.replace(
        item,
        cloud=cloud,
        detail=item.detail.replace(ANY_CLOUD, f"clouds.{cloud}."),
        cure=item.cure.replace(ANY_CLOUD, f"clouds.{cloud}."),
    )


def failed(name: str, title: str, error: str, message: str, hint: str = "") -> Item:
    """Make the item of a named failure; its exit code is that of the failure's class."""
    return Item(
        id=name,
        title=title,
        state=State.FAILED,
        detail=message,
        cure=_sentence(error, hint),
        exit_code=CODES.get(error, 1),
    )


def failure(name: str, title: str, error: errors.Day2Error) -> Item:
    """Make the item of a named failure that was caught."""
    return failed(name, title, error.kind, str(error), error.hint)


def ok(name: str, title: str, detail: str) -> Item:
    """Make the item of something usable."""
    return Item(id=name, title=title, state=State.OK, detail=detail)


def skipped(name: str, title: str, detail: str) -> Item:
    """Make the item of something that was not tried; the detail says why."""
    return Item(id=name, title=title, state=State.SKIPPED, detail=detail)


def _sentence(error: str, hint: str) -> str:
    if hint:
        return hint
    if error in {"Unreachable", "BadAnswer"}:
        return "see that it runs and that this machine may connect to it"
    return ""


def _job(probe: Probe) -> Job:
    return Job(
        # Not the survey's own lane: what leaves one unanswered must not silence the other.
        lane=f"doctor {probe.lane}",
        kinds=(probe.id,),
        what=probe.title,
        after=probe.after,
        run=lambda _rows: Result(rows={probe.id: list(probe.run())}),
    )


def _part(
    part: Part,
    asked: set[str],
    rows: Mapping[str, Sequence[Any]],
    gaps: Mapping[str, Sequence[Gap]],
    cloud: str,
) -> Item:
    """Judge one part by what its reads brought."""
    if not asked & set(part.kinds):
        return Item(
            id=part.id,
            title=part.title,
            state=State.SKIPPED,
            detail=f"not set: day2 does not see {part.unset}",
            cure=f"setting clouds.{cloud}.{part.section}",
        )
    silent: dict[str, str] = {}
    counts: list[str] = []
    for kind in part.kinds:
        found = rows.get(kind, ())
        wrong = {_name(row): _wrong(row) for row in found if _wrong(row)}
        silent |= wrong
        counts.append(f"{kind.replace('_', ' ')}: {len(found) - len(wrong)}")
    missing = [gap for kind in part.kinds for gap in gaps.get(kind, ())]
    if not silent and not missing:
        return Item(id=part.id, title=part.title, state=State.OK, detail=", ".join(counts))
    said = [f"{name}: {error}" for name, error in silent.items()]
    said += [gap.message for gap in missing if not any(n in gap.message for n in silent)]
    kinds_of_error = [gap.error for gap in missing] or ["Unreachable"]
    worst = next((e for e in ("BadSettings", "Denied") if e in kinds_of_error), "Unreachable")
    by_settings = worst == "BadSettings"
    hint = next((gap.hint for gap in missing if gap.hint), "")
    return Item(
        id=part.id,
        title=part.title,
        state=State.FAILED if part.needed else State.WARNING,
        detail="; ".join(dict.fromkeys(said)),
        # Where we have a command that shows the same, it says more than a hint can.
        cure=hint if hint and (by_settings or not part.commands) else part.cure,
        commands=() if by_settings else part.commands,
        exit_code=CODES[worst] if part.needed else 0,
    )


def _name(row: Any) -> str:  # noqa: ANN401 - a row of any table
    return str(getattr(row, "name", "") or row.address)


def _wrong(row: Any) -> str:  # noqa: ANN401 - a row of any table
    """Say what is wrong with a row of something that was asked; empty when it answered."""
    if getattr(row, "trusted", None) is False:
        return "its certificate is not trusted"
    if getattr(row, "reachable", True) and not getattr(row, "error", ""):
        return ""
    return str(row.error or "no answer")
