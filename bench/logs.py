# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.logs`: how fast the log review is, over lines that the lab's services wrote.

The corpus is made of the lab's own logs: their lines again and again with rising times and fresh
values, nearly all of them well, and one rare error somewhere. Each size is measured in a process of
its own: processor seconds of the whole way (read, filter, fold, mask, parse, mine, judge) and the
largest memory that it ever had.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bounds import Bound
from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.logs.hosts import reading_of
from day2.adapters.remote.day2_logs import Review
from day2.model.logs import LogReview
from day2.operations.logs import known, review, rules
from day2.operations.logs.mine import Known
from day2.operations.logs.policy import LogPolicy
from day2.operations.logs.review import Span
from lab.place import place

LINES_PER_SECOND_MIN = 100_000
RSS_MIB_MAX = 300
GROWTH_MAX = 1.2
GRAVE_RATIO = 0.01
STAMP = re.compile(rb"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?")
GRAVE = re.compile(rb"^\S+ \S+ \d+ (?:ERROR|CRITICAL) ")
HEAD = re.compile(rb"^\S+ \S+ \d+ (?:ERROR|CRITICAL) \S+ \[")
# RabbitMQ and MariaDB write their levels in brackets, an event a line here.
ALONE = re.compile(rb"^\S+ \S+ (?:\d+ )?\[(?:error|ERROR)\] ")
WELL = re.compile(rb" (?:INFO|DEBUG|WARNING) | \[(?:info|debug|notice|warning|Note|Warning)\] ")
VALUE = re.compile(rb"[0-9a-f]{8}(?=-[0-9a-f]{4}-)")
RARE = (
    b"2026-11-22 00:00:00.000 7 ERROR nova.virt.libvirt.driver [None req-11111111-2222-3333-4444-"
    b"555555555555 - - - - - -] The hypervisor lost its mind at sector 4711\n"
)
START = datetime(2026, 11, 22, tzinfo=UTC)


def pools(folder: Path) -> dict[str, tuple[list[bytes], list[bytes]]]:
    """Read the lab's logs: for each file its lines that are well, and its errors as blocks."""
    found = {}
    for file in sorted(folder.glob("*.log")):
        well: list[bytes] = []
        grave: list[list[bytes]] = []
        for line in file.read_bytes().splitlines(keepends=True)[:20_000]:
            if not GRAVE.match(line):
                if ALONE.match(line):
                    grave.append([line])
                elif STAMP.match(line) and WELL.search(line):
                    well.append(line)
            elif HEAD.match(line):
                grave.append([line])
            elif grave:
                grave[-1].append(line)
        if len(well) > 20:  # noqa: PLR2004 - a log worth its name
            found[file.stem] = well, [b"".join(block) for block in grave[:200]]
    return found


def write(folder: Path, source: Path, lines: int, *, rare: bool, seed: int = 1) -> int:
    """Write a corpus of so many lines, streaming; return how many."""
    chance = random.Random(seed)  # noqa: S311 - the same corpus each time
    known_files = pools(source)
    names = sorted(known_files)
    files = {}
    for name in names:
        path = folder / name.partition("-")[0] / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        files[name] = path.open("wb", buffering=1 << 20)
    # Every kind of error once, in every corpus: what is new is the planted one alone.
    first = [(name, block) for name in names for block in known_files[name][1]]
    step = timedelta(hours=23) / lines
    written, now = 0, START
    while written < lines:
        name = chance.choice(names)
        well, grave = known_files[name]
        block = chance.choice(grave if grave and chance.random() < GRAVE_RATIO / 4 else well)
        if first:
            name, block = first.pop()
        stamp = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03}".encode()
        fresh = f"{chance.getrandbits(32):08x}".encode()
        count = 0
        for line in block.splitlines(keepends=True):
            files[name].write(VALUE.sub(fresh, STAMP.sub(stamp, line, count=1)))
            count += 1
        if rare and written <= lines // 2 < written + count:
            files[name].write(STAMP.sub(stamp, RARE, count=1))
            count += 1
        written += count
        now += step * count
    for file in files.values():
        file.close()
    return written


def measure(folder: Path, seen: Sequence[Known]) -> dict[str, object]:
    """Review a corpus as a host and day2 do, in this process, after a review that had `seen`."""
    began = time.process_time()
    until = START + timedelta(days=1)
    zone = {"since": START.timestamp(), "until": until.timestamp()}
    answer = Review({**zone, "folder": str(folder), "seconds": 600, "read_bytes": 1 << 40}).run()
    reading = reading_of("bench", answer, Cleaner())
    before = {one.key: START for one in seen}
    policy = LogPolicy()
    tables = known.load()
    span = Span(cloud="bench", region="", since=START, until=until)
    made = review.make(reading, span, known=before, templates=seen, tables=tables, policy=policy)
    found = rules.judge(made, [], tables, policy)
    seconds = time.process_time() - began
    return {
        "lines": reading.lines,
        "bytes": answer["bytes"],
        "seconds": seconds,
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "events": made.events,
        "kinds": [[one.key, one.service, one.template] for one in made.templates],
        "new": [one.template for one in made.templates if one.new],
        "rank": _rank(made),
        "gaps": [gap.message for gap in made.gaps],
        "findings": [finding.summary for finding in found],
    }


def _rank(made: LogReview) -> int | None:
    ranks = [n for n, one in enumerate(made.templates, 1) if "lost its mind" in one.template]
    return ranks[0] if ranks else None


def in_a_process(folder: Path, seen: Path) -> dict[str, object]:
    """Measure in a process of its own: its memory is its own."""
    words = [sys.executable, "-m", "bench.logs", "--measure", str(folder), "--seen", str(seen)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def table(sizes: Sequence[int], source: Path, folder: Path) -> list[Bound]:
    """Print one row for each size; return what they must keep."""
    seen = folder / "seen.json"
    seen.write_text("[]")
    basis = folder / "basis"
    write(basis, source, sizes[0], rare=False, seed=0)
    seen.write_text(json.dumps(in_a_process(basis, seen)["kinds"]))
    heads = f"{'lines':>10} {'MiB':>6} {'errors':>7} {'kinds':>5} {'CPU s':>7} {'lines/s':>9}"
    print(f"{heads} {'RSS MiB':>8}  rare error")
    memory, speeds, ranks = [], [], []
    for size in sizes:
        corpus = folder / str(size)
        write(corpus, source, size, rare=True)
        row = in_a_process(corpus, seen)
        speed = float(str(row["lines"])) / float(str(row["seconds"]))
        rss = float(str(row["rss_mib"]))
        memory.append(rss)
        speeds.append(speed)
        new = row["new"] if isinstance(row["new"], list) else []
        kinds = row["kinds"] if isinstance(row["kinds"], list) else []
        # Not found at all ranks behind everything.
        rank = row["rank"] if isinstance(row["rank"], int) else len(kinds) + 1
        ranks.append(rank)
        print(
            f"{row['lines']:>10,} {int(str(row['bytes'])) >> 20:>6} {row['events']:>7,} "
            f"{len(kinds):>5} {row['seconds']:>7.2f} {speed:>9,.0f} {rss:>8.0f}"
            f"  rank {row['rank']} of {len(kinds)}, {len(new)} new",
            flush=True,
        )
    slowest = min(speeds) / 1000
    return [
        Bound("thousand lines/s of one core", slowest, LINES_PER_SECOND_MIN / 1000, at_least=True),
        Bound("largest memory", max(memory), RSS_MIB_MAX, " MiB"),
        Bound("memory of the largest / of the smallest", memory[-1] / memory[0], GROWTH_MAX),
        Bound("rank of the rare error", max(ranks), 1),
    ]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[500_000, 2_000_000])
    parser.add_argument("--source", type=Path, help="folder of logs (the lab's)")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seen", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        seen = json.loads(given.seen.read_text())
        kinds = [Known(key=key, service=service, template=text) for key, service, text in seen]
        print(json.dumps(measure(given.measure, kinds)))
        return 0
    source = given.source or place(int(os.environ.get("LAB_ID", "0"))).log
    with tempfile.TemporaryDirectory(prefix="day2-bench-") as folder:
        bounds = table(given.lines, source, Path(folder))
    print()
    for bound in bounds:
        print(bound)
    return 0 if all(bound.met for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
