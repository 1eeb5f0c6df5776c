# SPDX-License-Identifier: Apache-2.0
"""The drain of a full host as an operator runs it: each server accounted for, and its way back."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from day2.memory import runs
from day2.memory.store import open_memory
from day2.model.outcome import Ending
from day2.model.run import State
from lab.cloud import Cloud
from lab.parts.galera import Galera
from lab.parts.tls import Tls
from lab.place import Place
from tests.conftest import fresh
from tests.lab.crowd import BUILDING, FULL, HOST, MIGRATING, ON_HOST, RESIZED, Crowd
from tests.lab.hands import Hands
from tests.lab.program import Program

AT_ONCE = 4
KILLS = 6
# A move of some gibibytes takes as long as the long form; the short one is for the clock of CI.
MOVE_SECONDS, KILL_SECONDS = (20, 6) if FULL else (2, 4)
WORDS = ("stop-guests", "owner-asked", "use-reserve", "agents-cut", "last-of-aggregate")


@pytest.fixture(scope="module")
def hands(cloud: Cloud, place: Place) -> Iterator[Hands]:
    fresh(cloud, place)
    with closing(Hands(cloud, galera=Galera(place), tls=Tls(place))) as made:
        yield made
    cloud.restore()


@pytest.fixture(scope="module")
def crowd(hands: Hands) -> Crowd:
    made = Crowd(hands)
    made.fill()
    return made


@pytest.fixture(scope="module")
def operator(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Program:
    account = {"cloud": "lab", "clouds_file": str(cloud.describe()["clouds_yaml"])}
    made = Program(
        cloud,
        tmp_path_factory.mktemp("operator"),
        access="act",
        writing=account,
        # The lab's guests print nothing, however long one waits.
        smoke={"console_seconds_max": 2},
        drain={"per_source_max": AT_ONCE, "cloud_max": AT_ONCE, "start_seconds": 3},
    )
    made.seconds_max = 900
    return made


def planned(operator: Program, *words: str) -> dict[str, Any]:
    ended = operator.run(*words, "--plan-only", "-f", "json")
    assert ended.code == 0, ended.stderr
    return ended.document


def test_every_blocker_is_told_before_anything_starts(operator: Program, crowd: Crowd) -> None:
    plan = planned(operator, "host", "drain", HOST)
    blocked = {r["subject"]["name"]: r["why"] for r in plan["refused"] if r["blocker"]}
    stopping = {"crowd-rescued", "crowd-error", BUILDING, MIGRATING, RESIZED}
    assert stopping <= blocked.keys(), plan["refused"]
    assert not [step for step in plan["steps"] if step["subject"].get("name") in stopping]
    ended = operator.run("plan", "apply", plan["id"], "--yes")
    assert ended.code == 24
    assert "blockers" in ended.stderr
    assert {host for _status, host in crowd.where().values()} <= {HOST, None}


@pytest.mark.timeout(1200)
def test_all_servers_of_a_full_host_are_accounted_for(
    operator: Program, crowd: Crowd, hands: Hands
) -> None:
    crowd.cure()
    hands.cloud.script("migrations", {"*": {"seconds": MOVE_SECONDS}})
    before = crowd.where()
    assert sum(host == HOST for _status, host in before.values()) == ON_HOST
    allow = [word for one in WORDS for word in ("--allow", one)]
    plan = planned(operator, "host", "drain", HOST, *allow)
    assert plan["totals"]["blockers"] == 0, [r for r in plan["refused"] if r["blocker"]]
    approved = operator.run("plan", "approve", plan["id"])
    assert approved.code == 0, approved.stderr
    ended = operator.run("plan", "apply", plan["id"], "-f", "json")
    run = ended.document
    assert (ended.code, run["state"]) == (0, "done"), (run["detail"], not_done(run))
    require_accounted(plan, run, before, crowd.where())
    tell_speed(hands, plan, run)


def not_done(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (step["subject"].get("name", ""), step["detail"])
        for step in run["steps"]
        if step["outcome"] not in {"done", "already"}
    ]


def require_accounted(
    plan: dict[str, Any],
    run: dict[str, Any],
    before: dict[str, tuple[str, str | None]],
    after: dict[str, tuple[str, str | None]],
) -> None:
    """See that each is elsewhere or stays by decision, in the status that it had; none in ERROR."""
    assert before.keys() == after.keys()
    assert {n: s for n, (s, _h) in before.items()} == {n: s for n, (s, _h) in after.items()}
    left = {step["subject"]["name"] for step in plan["steps"] if step["action"] == "server.leave"}
    still = {name for name, (_status, host) in after.items() if host == HOST}
    assert still == {name for name in left if name.startswith("crowd-")}
    moved = {
        step["subject"]["id"]
        for step in run["steps"]
        if step["action"].endswith("-migrate") and step["outcome"] == "done"
    }
    assert len(moved) >= ON_HOST - 8
    assert not [name for name, (status, _host) in after.items() if status == "ERROR"]


def tell_speed(hands: Hands, plan: dict[str, Any], run: dict[str, Any]) -> None:
    """Tell the wall time beside what Nova's own moves need, as many at once as are allowed."""
    moves = {step["n"]: step for step in run["steps"] if step["action"].endswith("-migrate")}
    answer = hands.api.compute.get("/os-migrations?limit=1000", microversion="2.80").json()
    spans = {
        row["id"]: (moment(row["updated_at"]) - moment(row["created_at"])).total_seconds()
        for row in answer["migrations"]
    }
    took = {n: spans[step["facts"]["migration"]] for n, step in moves.items()}
    stages: dict[int, list[float]] = {}
    for step in plan["steps"]:
        if step["n"] in took:
            stages.setdefault(step["stage"], []).append(took[step["n"]])
    # No order makes the chains of a stage shorter than this; the canary is a stage of its own.
    needed = sum(max(*times, sum(times) / AT_ONCE, 0) for times in stages.values())
    wall = (
        max(moment(step["ended_at"]) for step in moves.values())
        - min(moment(step["started_at"]) for step in moves.values())
    ).total_seconds()
    print(f"{len(moves)} servers in {wall:.0f} s, {needed:.0f} s needed: {wall / needed:.2f}")  # noqa: T201


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@pytest.mark.full
def test_the_way_back_survives_an_engine_that_is_killed(
    operator: Program, crowd: Crowd, hands: Hands
) -> None:
    """A server is booted on the host, it is enabled, and each server comes home once."""
    before = moves(hands)
    plan = planned(operator, "host", "enable", HOST, "--back")
    name = plan["id"]
    assert operator.run("plan", "approve", name).code == 0
    assert operator.run("plan", "apply", name, "--no-follow").code == 0
    memory = open_memory(operator.folder / "state")
    killed = 0
    for _turn in range(KILLS):
        time.sleep(KILL_SECONDS)
        if runs.load(memory, name).state.ended:
            break
        killed += operator.kill_engine()
        assert operator.run("run", "resume", name).code == 0
    end = time.monotonic() + 400
    while not (run := runs.load(memory, name)).state.ended:
        assert time.monotonic() < end, run
        time.sleep(1)
    memory.close()
    assert run.state is State.DONE, [s for s in run.steps if s.outcome is not Ending.DONE]
    assert killed >= 3
    homes = Counter(host for _status, host in crowd.where().values())
    assert homes[HOST] == ON_HOST
    came = {s.subject.id for s in run.steps if s.action.endswith("-migrate")}
    assert {own: count for own, count in (moves(hands) - before).items() if own in came} == (
        dict.fromkeys(came, 1)
    )
    rows = operator.run("journal", "list", "--run", name, "--count", "5000", "-f", "json").document
    kinds = Counter((e["step"], e["kind"]) for e in rows["entries"] if e["step"])
    assert {n for (_s, kind), n in kinds.items() if kind in {"intent", "outcome"}} == {1}
    assert operator.run("journal", "verify").code == 0


def moves(hands: Hands) -> Counter[str]:
    """Count the migrations that Nova knows, by server."""
    answer = hands.api.compute.get("/os-migrations?limit=1000", microversion="2.80").json()
    return Counter(row["instance_uuid"] for row in answer["migrations"])


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_what_the_guides_loop_leaves_behind(cloud: Cloud, hands: Hands) -> None:
    """Beside it: the guide's own loop, over three servers of one project among six of two."""
    host, loop = "compute04", Path(__file__).parents[2] / "bench" / "guide-drain.sh"
    made = {name: hands.boot(f"guide-{name}", host=host) for name in ("run", "pause", "stop")}
    for server in made.values():
        hands.wait_status(server.id, "ACTIVE", task=None)
    hands.api.compute.pause_server(made["pause"].id)
    hands.api.compute.stop_server(made["stop"].id)
    hands.wait_status(made["pause"].id, "PAUSED", task=None)
    hands.wait_status(made["stop"].id, "SHUTOFF", task=None)
    others = {s.name for s in hands.api.compute.servers(all_projects=True, compute_host=host)}
    began = time.monotonic()
    done = subprocess.run(
        ["bash", str(loop), host],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={
            "PATH": f"{cloud.client().parent}:/usr/bin:/bin",
            "OS_CLOUD": "lab",
            "OS_CLIENT_CONFIG_FILE": str(cloud.describe()["clouds_yaml"]),
        },
    )
    seconds = time.monotonic() - began
    after = {s.name: s for s in hands.api.compute.servers(all_projects=True) if s.name in others}
    statuses = {name: (s.status, s.compute_host) for name, s in after.items()}
    print(f"the guide's loop: {seconds:.0f} s, {statuses}\n{done.stdout}{done.stderr}")  # noqa: T201
    assert statuses["guide-run"][0] == "VERIFY_RESIZE", "it never confirms"
    assert statuses["guide-pause"] == ("PAUSED", host), "Nova moves no paused server cold"
    strangers = {name for name, s in after.items() if s.compute_host == host}
    assert {"app02", "bfv01"} <= strangers, "it lists one project"
