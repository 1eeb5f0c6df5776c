# SPDX-License-Identifier: Apache-2.0
"""What happens meanwhile to a drain of real servers: each ends in a correct, explained state."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from day2.model.outcome import Ending
from day2.model.run import Run, State
from lab.cloud import Cloud
from lab.parts import running
from lab.parts.galera import Galera
from lab.parts.prometheus import Prometheus
from lab.parts.tls import Tls
from lab.passwords import passwords
from lab.place import Place
from lab.processes import wait_for
from tests.conftest import fresh
from tests.lab.hands import Hands
from tests.lab.kept import Sampler, everything_kept
from tests.lab.program import Program
from tests.lab.upset import BIG, HANG, PLACES, SMALL, TINY, Upset, by_name

# Minutes of real moves; the embedded cloud tells most of this story in every run.
pytestmark = pytest.mark.full

HOST, OTHERS = "compute01", ("compute02", "compute03", "compute04")
# What has a large disk is called stuck after minutes: only the one that hangs is aborted.
FLAVORS = {"mean-quick": (3072, 1), BIG: (2048, 40), SMALL: (1024, 30), TINY: (512, 20)}
HANGS = "mean-hangs"
BIGS = [f"mean-big-{number}" for number in range(1, PLACES)]
FIRST = [HANGS, *BIGS]
THEN = ["mean-deleted", "mean-locked", "mean-stopped", "mean-resized", "mean-crowded"]
LAST = ["mean-plain-1", "mean-plain-2"]
SECOND = ["mean-second-1", "mean-second-2"]
ROLES = ("fails", "leaves", "meets-death")
OUTAGE_SECONDS = 20
WORDS = ("use-reserve", "agents-cut", "last-of-aggregate", "other-work")
ALLOW = [word for one in WORDS for word in ("--allow", one)]


@dataclass
class Story:
    """What was planned, what became of it, and where Nova has the servers; by role."""

    plan: dict[str, Any]
    roles: dict[str, str]
    full: str
    sampler: Sampler
    dead: str = ""
    silences: list[dict[str, Any]] = field(default_factory=list)
    theirs: str = ""
    run: Run | None = None
    where: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    moves: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def alerting(place: Place) -> Iterator[Prometheus]:
    with running(Prometheus(place)) as part:
        yield part


@pytest.fixture(scope="module")
def upset(
    cloud: Cloud, place: Place, alerting: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upset]:
    account = {"cloud": "lab", "clouds_file": str(cloud.describe()["clouds_yaml"])}
    told: Any = alerting.describe()
    password = tmp_path_factory.mktemp("secret") / "alertmanager"
    password.touch(mode=0o600)
    password.write_text(told["password"])
    operator = Program(
        cloud,
        tmp_path_factory.mktemp("operator"),
        access="act",
        writing=account,
        kolla={"passwords_file": str(cloud.describe()["passwords"])},
        monitoring={
            "prometheus": [told["prometheus_url"]],
            "user": told["user"],
            "password": {"file": str(password)},
            "alertmanager": told["alertmanager_urls"],
            "alertmanager_user": told["user"],
            "alertmanager_password": {"file": str(password)},
        },
        drain={
            "per_source_max": PLACES, "cloud_max": PLACES, "per_target_max": PLACES, "tries": 4,
            "link_mib_per_second": 128, "start_seconds": 3, "patience": 1, "move_seconds_min": 40,
            "canary": False, "failed_max": 9, "changed_ratio_max": 0.5, "silence_alerts": True,
        },
    )  # fmt: skip
    fresh(cloud, place)
    with closing(Hands(cloud, galera=Galera(place), tls=Tls(place))) as hands:
        made = Upset(hands, operator)
        made.quota()
        made.leave_others(HOST, ())
        for flavor, (ram, disk) in FLAVORS.items():
            made.flavor(flavor, ram=ram, disk=disk)
        made.boot(HANGS, "mean-quick", HOST)
        for names, flavor in ((BIGS, BIG), (THEN, SMALL), (LAST, TINY)):
            for name in names:
                made.boot(name, flavor, HOST)
        made.wait_booted()
        yield made
    cloud.restore()


@pytest.fixture(scope="module")
def story(upset: Upset, alerting: Prometheus) -> Story:
    """Drain the host, and let everything happen that may."""
    plan = upset.plan(HOST, *ALLOW)
    moves = [step for step in plan["steps"] if step["action"] == "server.live-migrate"]
    first = {step["subject"]["name"]: step["arguments"]["targets"][0] for step in moves}
    full = first["mean-crowded"]
    # Who meets a dying target must not be on its way to the one that is filled.
    victim = next(name for name in BIGS if first[name] != full)
    others = [name for name in BIGS if name != victim]
    sampler = Sampler(upset.operator.folder / "state")
    told = Story(plan, dict(zip(ROLES, [*others, victim], strict=True)), full, sampler)
    for name in FIRST:
        upset.script(name, HANG)
    upset.lab.script("spawns", {"mean-early": {"seconds": 6}})
    upset.boot("mean-early", TINY, HOST)
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=10)
    told.theirs = alerting.silence(now.isoformat(), soon.isoformat(), instance=HOST)
    with sampler.looking():
        upset.begin(plan)
        arrive(upset)
        owners(upset, told)
        # As if the run had gone on until ten minutes before the end of its silence.
        (ours,) = of_run(alerting, plan["id"])
        alerting.change_silence(ours["id"], ends_at=soon.isoformat())
        machines(upset, told)
        told.run = upset.ended(plan["id"])
    told.silences = alerting.silences()
    told.where = upset.where()
    told.moves = {name: upset.migrations(name) for name in upset.ids}
    return told


def of_run(alerting: Prometheus, run: str) -> list[dict[str, Any]]:
    return [row for row in alerting.silences() if row["comment"].endswith(f"run {run}")]


def arrive(upset: Upset) -> None:
    """Force a server onto the host that was just disabled; then wait for the first movers."""
    wait_for(lambda: upset.hands.service(HOST).status == "disabled", "the disable", seconds=60)
    upset.boot("mean-forced", TINY, HOST)
    for name in FIRST:
        upset.wait_running(name)


def owners(upset: Upset, told: Story) -> None:
    """Do what owners do, while the first movers hold every place."""
    upset.compute.delete_server(upset.ids["mean-deleted"])
    upset.compute.lock_server(upset.ids["mean-locked"])
    upset.compute.stop_server(upset.ids["mean-stopped"])
    upset.compute.resize_server(upset.ids["mean-resized"], upset.compute.find_flavor(BIG).id)
    upset.wait_server("mean-stopped", lambda s: s.status == "SHUTOFF", "to stop")
    upset.wait_server("mean-resized", lambda s: s.status == "VERIFY_RESIZE", "to be resized")
    upset.wait_server("mean-deleted", lambda s: s is None, "to go")
    upset.fill(told.full)
    upset.compute.delete_server(upset.ids[told.roles["leaves"]])


def machines(upset: Upset, told: Story) -> None:
    """Kill the engine and a target, fail a move, take the API away, let the hung one be aborted."""
    victim, fails = (told.roles[role] for role in ("meets-death", "fails"))
    told.dead = upset.migrations(victim)[0]["dest_compute"]
    upset.kill_engine(told.plan["id"])
    upset.lab.kill(f"nova-compute-{told.dead}")
    upset.script(victim, None)
    upset.script(fails, {"fail": "scripted"})
    wait_for(lambda: upset.migrations(fails)[0]["status"] != "running", "its end", seconds=60)
    upset.script(fails, None)
    upset.without_api(OUTAGE_SECONDS)
    upset.lab.start(f"nova-compute-{told.dead}")
    wait_for(lambda: upset.migrations(HANGS)[0]["status"] == "cancelled", "abort", seconds=90)
    upset.script(HANGS, None)
    upset.kill_engine(told.plan["id"])


@dataclass(frozen=True)
class End:
    """How a server's step ended, in which words, and where Nova has it; `""` is gone."""

    ending: Ending | None
    said: str
    status: str = "ACTIVE"
    stays: bool = False
    moves: str = ""


MOVED = f"{HOST} → compute0[2-4]"
# The host that is full and the one that is dead take nobody.
AGAIN = "( error)*"
ENDS = {
    HANGS: End(Ending.DONE, MOVED, moves=f"cancelled{AGAIN} completed"),
    "fails": End(Ending.DONE, MOVED, moves=f"failed{AGAIN} completed"),
    "leaves": End(Ending.SKIPPED, "deleted by its owner", status=""),
    "meets-death": End(
        Ending.FAILED,
        r"migration \d+ to compute0[2-4] ended as error, its status is ERROR: the guest may still "
        r"run, so look on both hosts .*",
        status="ERROR", moves="error",
    ),
    "mean-deleted": End(Ending.SKIPPED, "deleted by its owner", status=""),
    "mean-locked": End(
        Ending.SKIPPED, "changed since the plan was made: locked: .*", stays=True
    ),
    "mean-stopped": End(
        Ending.SKIPPED, "changed since the plan was made: status: ACTIVE → SHUTOFF",
        status="SHUTOFF", stays=True,
    ),
    "mean-resized": End(
        Ending.SKIPPED,
        "changed since the plan was made: flavor: mean-small → mean-big; host: compute01 → "
        "compute0[2-4]; status: ACTIVE → VERIFY_RESIZE",
        status="VERIFY_RESIZE", moves="finished",
    ),
    "mean-crowded": End(Ending.DONE, MOVED, moves="error( error)* completed"),
    "mean-plain-1": End(Ending.DONE, MOVED, moves="(error )*completed"),
    "mean-plain-2": End(Ending.DONE, MOVED, moves="(error )*completed"),
    "mean-early": End(None, "", stays=True),
    # Placement keeps even what is forced from a host that is disabled.
    "mean-forced": End(None, "", status="ERROR"),
}  # fmt: skip


@pytest.mark.parametrize("who", ENDS)
def test_each_server_ends_in_a_state_that_is_explained(story: Story, who: str) -> None:
    end, name = ENDS[who], story.roles.get(who, who)
    assert story.run is not None
    step = by_name(story.run).get(name)
    if end.ending is not None:
        assert step is not None
        assert step.outcome is end.ending, step
        assert re.fullmatch(end.said, step.detail), step.detail
    status, host = story.where.get(name, ("", None))
    assert status == end.status
    assert (host == HOST) is end.stays, host
    tried = [row["status"] for row in story.moves[name]]
    if status:
        assert re.fullmatch(end.moves, " ".join(tried)), tried


def test_the_run_says_what_is_left(story: Story) -> None:
    run = story.run
    assert run is not None
    assert run.state is State.PARTIAL, run.detail
    verified = next(step for step in run.steps if step.action == "host.verify-drained")
    assert verified.outcome is Ending.FAILED
    said = verified.detail
    assert said.startswith("3 still there: "), said
    still = {"mean-early", "mean-locked", "mean-stopped"}
    assert {name for name in story.where if name in said} == still
    assert "1 moved away wait for confirm or revert" in said


def test_the_journal_has_each_step_once(upset: Upset, story: Story) -> None:
    words = ("journal", "list", "--run", story.plan["id"], "--count", "5000", "-f", "json")
    rows = upset.operator.run(*words).document["entries"]
    once = [(e["step"], e["kind"]) for e in rows if e["kind"] in {"intent", "outcome"}]
    assert len(once) == len(set(once))
    assert upset.operator.run("journal", "verify").code == 0


def test_its_alerts_are_silent_for_as_long_as_it_goes_on(
    upset: Upset, alerting: Prometheus, story: Story
) -> None:
    """One silence, which two more engines found again, and prolonged; one of others is theirs."""
    name = story.plan["id"]
    (ours,) = [row for row in story.silences if row["comment"].endswith(f"run {name}")]
    assert story.run is not None
    step = next(step for step in story.run.steps if step.action == "alerts.silence")
    assert list(step.facts["silences"].values()) == [ours["id"]]
    left = datetime.fromisoformat(ours["endsAt"]) - datetime.now(UTC)
    assert left > timedelta(minutes=30)
    (theirs,) = [row for row in story.silences if row["id"] == story.theirs]
    assert datetime.fromisoformat(theirs["endsAt"]) - datetime.now(UTC) < timedelta(minutes=10)
    rows = upset.operator.run("journal", "list", "--run", name, "--count", "5000", "-f", "json")
    renewals = [e for e in rows.document["entries"] if "/renew" in e["step"]]
    assert [entry["kind"] for entry in renewals] == ["intent", "outcome"]
    back = upset.operator.run("host", "enable", HOST, "--no-smoke", "--plan-only", "-f", "json")
    assert back.code == 0, back.stderr
    plan = back.document["id"]
    assert upset.operator.run("plan", "approve", plan).code == 0
    enabled = upset.operator.run("plan", "apply", plan)
    assert enabled.code == 0, enabled.stdout
    assert of_run(alerting, name) == []
    assert story.theirs in {row["id"] for row in alerting.silences()}


def test_no_secret_is_kept_shown_or_told_to_others(
    upset: Upset, cloud: Cloud, alerting: Prometheus, story: Story
) -> None:
    told: Any = alerting.describe()
    found = {str(word) for word in passwords(cloud.place.state / "passwords.yml").values()}
    secrets = {word for word in found if len(word) > 6} | {told["password"]}
    assert len(secrets) > 5
    shown = ""
    for words in (
        ("run", "show", story.plan["id"]),
        ("plan", "show", story.plan["id"], "--all"),
        ("journal", "list", "--run", story.plan["id"], "--count", "5000"),
        ("config", "show"),
    ):
        for form in ("text", "json"):
            ended = upset.operator.run(*words, "-f", form)
            shown += ended.stdout + ended.stderr
    kept = everything_kept(upset.operator.folder)
    assert len(story.sampler.engines) >= 2
    for where in (shown.encode(), kept, story.sampler.seen):
        assert not [secret for secret in secrets if secret.encode() in where]
        # Keystone's tokens, and what names of environment an account is given by.
        assert not re.search(rb"gAAAAA[A-Za-z0-9_-]{40}", where)
    assert b"OS_PASSWORD" not in story.sampler.seen


def test_a_source_that_dies_on_the_way_is_waited_for(upset: Upset, story: Story) -> None:
    """Its move ends in error when it comes back; the server goes then, and what is left is told."""
    other = next(host for host in OTHERS if host not in {story.dead, story.full})
    for name in SECOND:
        upset.boot(name, TINY, other)
        upset.wait_server(name, lambda s: s and s.status == "ACTIVE", "to be ACTIVE")
    upset.leave_others(other, SECOND)
    plan = upset.plan(other, *ALLOW, "--allow", "stop-guests")
    for name in SECOND:
        upset.script(name, HANG)
    upset.begin(plan)
    for name in SECOND:
        upset.wait_running(name)
    upset.lab.kill(f"nova-compute-{other}")
    for name in SECOND:
        upset.script(name, None)
    wait_for(lambda: upset.hands.service(other).state == "down", "its death", seconds=40)
    time.sleep(2)
    assert all(by_name(upset.run(plan["id"]))[name].outcome is None for name in SECOND)
    upset.lab.start(f"nova-compute-{other}")
    # Where the other hosts were tried as well meanwhile, it asks: told to, it tries again.
    ended = by_name(upset.ended_by_retrying(plan["id"]))
    for name in SECOND:
        tried = [row["status"] for row in upset.migrations(name)]
        assert re.fullmatch("error( error)* completed", " ".join(tried)), tried
        assert upset.where()[name][1] != other
        # Nova forgets what the move that died had taken in Placement: no proof holds then.
        said = f"{other} → {upset.where()[name][1]}, but not proven: Placement has it on "
        assert ended[name].outcome is Ending.FAILED
        assert ended[name].detail.startswith(said), ended[name].detail
