# SPDX-License-Identifier: Apache-2.0
"""Alerts and Ceph are held off for a host, and let be as they were; scripted Ceph."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.alertmanager import AlertRouter
from day2.adapters.ceph import CephFlags, CephSettings
from day2.adapters.silences import Silencer
from day2.engine.action import Action
from day2.errors import NotDeployed, Unreachable
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.operations.hosts.actions import protections
from day2.operations.hosts.actions.silences import Silence, instances
from tests.scenarios.hosts.direct import Direct, Killed
from tests.scenarios.hosts.guests import Guests

HOST = "dead01"
# A cluster with two hosts: what is set is a file.
CEPH = """#!/bin/sh
echo "$*" >> {0}/asked
case "$*" in
  "osd tree --format json") echo '{{"nodes": [{{"id": -1, "name": "default", "type": "root"}},
    {{"id": -2, "name": "dead01", "type": "host"}},
    {{"id": 0, "name": "osd.0", "type": "osd"}}]}}' ;;
  "osd dump --format json") if [ -e {0}/set ]; then
    echo '{{"crush_node_flags": {{"dead01": ["noout"]}}}}'; else echo '{{}}'; fi ;;
  "osd set-group noout dead01") touch {0}/set ;;
  "osd unset-group noout dead01") rm -f {0}/set ;;
  *) echo "Error EACCES: access denied" >&2; exit 13 ;;
esac
"""


def step(action: str, **arguments: Any) -> Step:
    subject = Subject(type="host", id=HOST, host=HOST)
    return Step(n=1, action=action, subject=subject, why="a test", arguments=arguments, undo="…")


def silences(guests: Guests) -> list[str]:
    found = guests.actions["alerts.silence"]
    assert isinstance(found, Silence)
    return [row.id for one in found._silencers() for row in one._router.silences().rows]  # noqa: SLF001 - the wired account


def alerts(guests: Guests) -> dict[str, set[str]]:
    found = guests.actions["alerts.silence"]
    assert isinstance(found, Silence)
    rows = [row for one in found._silencers() for row in one._router.alerts().rows]  # noqa: SLF001
    states: dict[str, set[str]] = {}
    for row in rows:
        states.setdefault(row.labels.get("instance", "").partition(":")[0], set()).add(row.state)
    return states


def test_the_alerts_of_one_host_are_silenced_and_speak_again(guests: Guests) -> None:
    assert alerts(guests)[HOST] == {"active"}
    silence = step("alerts.silence", names=[HOST], seconds=3600)
    result, do = guests.perform(silence)
    assert result.ending is Ending.DONE, result
    assert do.names == ["silence", "spread", "silence-rest", "proof"]
    now = alerts(guests)
    assert now.pop(HOST) == {"suppressed"}
    assert all(states == {"active"} for states in now.values())
    again, _do = guests.perform(silence)
    assert again.facts == result.facts, "that of this run is adopted"
    assert len(silences(guests)) == 1
    back = guests.back(silence, result)
    assert back.action == "alerts.unsilence"
    guests.look(back)
    done, _do = guests.perform(back)
    assert (done.ending, done.detail) == (Ending.DONE, "its alerts speak again")
    assert silences(guests) == []
    assert alerts(guests)[HOST] == {"active"}
    assert guests.actions[back.action].look(back).already
    assert guests.back(back, done).action == "alerts.silence"


@pytest.mark.parametrize("mode", ["kill_before", "kill_after"])
@pytest.mark.parametrize("number", range(4))
def test_killed_anywhere_there_is_one_silence(guests: Guests, mode: str, number: int) -> None:
    silence = step("alerts.silence", names=[HOST], seconds=3600)
    action = guests.actions[silence.action]
    first = Direct(guests.clock, **{mode: number})  # type: ignore[arg-type]
    with pytest.raises(Killed):
        action.perform(silence, first)
    result = action.perform(silence, Direct(guests.clock, given=first.records))
    assert result.ending is Ending.DONE
    assert len(silences(guests)) == 1
    guests.perform(guests.back(silence, result))


def test_a_silence_ends_by_itself(guests: Guests) -> None:
    silence = step("alerts.silence", names=[HOST], seconds=600)
    result, _do = guests.perform(silence)
    guests.clock.sleep(700)
    assert silences(guests) == []
    back = guests.back(silence, result)
    assert guests.actions[back.action].look(back).already == "no silence of it holds any more"


def test_a_silence_is_renewed_while_its_run_goes_on(guests: Guests) -> None:
    silence = step("alerts.silence", names=[HOST], seconds=600)
    action = guests.actions[silence.action]
    assert isinstance(action, Silence)
    result, do = guests.perform(silence)
    assert not action.ends_soon(silence, result.facts, do.run), "half of its time is left"
    guests.clock.sleep(400)
    assert action.ends_soon(silence, result.facts, do.run)
    assert not action.ends_soon(silence, result.facts, "another-run")
    before = silences(guests)
    said = action.renew(silence, result.facts, do.run)
    assert said == f"silenced for 10 min more: {before[0]}"
    assert (silences(guests), action.renew(silence, result.facts, do.run)) == (before, "")
    guests.clock.sleep(500)
    assert silences(guests) == before
    # One that a person has ended is not begun again.
    for one in action._silencers():  # noqa: SLF001 - the wired account
        one.expire(before[0])
    assert not action.ends_soon(silence, result.facts, do.run)
    assert action.renew(silence, result.facts, do.run) == ""
    assert silences(guests) == []


def test_an_alertmanager_that_is_down_needs_no_silence(guests: Guests) -> None:
    wired = guests.actions["alerts.silence"]
    assert isinstance(wired, Silence)
    living = wired._silencers()  # noqa: SLF001 - the wired account
    dead = Silencer(AlertRouter("http://127.0.0.1:1"))
    silence = step("alerts.silence", names=[HOST], seconds=600)
    action = Silence(lambda: [dead, *living], guests.clock)
    result = action.perform(silence, Direct(guests.clock))
    assert result.ending is Ending.DONE
    assert list(result.facts["silences"]) == [living[0].address]
    guests.perform(guests.back(silence, result))
    with pytest.raises(Unreachable):
        Silence(lambda: [dead], guests.clock).perform(silence, Direct(guests.clock))
    with pytest.raises(NotDeployed, match="no Alertmanager"):
        Silence(list, guests.clock).perform(silence, Direct(guests.clock))


@pytest.mark.parametrize(
    ("label", "fits"),
    [
        ("cmp1", True),
        ("cmp1:9100", True),
        ("cmp1.example:9100", True),
        ("10.0.0.1:9100", True),
        ("cmp10", False),
        ("xcmp1", False),
        ("cmp1xexample", False),
        ("10a0.0.1", False),
    ],
)
def test_the_names_of_one_host_are_no_other_host(label: str, fits: bool) -> None:
    found = instances(["cmp1", "cmp1.example", "10.0.0.1"])
    assert bool(re.fullmatch(found, label)) is fits


def ceph(folder: Path, **more: Any) -> dict[str, Action]:
    program = folder / "ceph"
    program.write_text(CEPH.format(folder))
    program.chmod(0o755)
    flags = CephFlags(CephSettings(command=[str(program)], **more), os.environ)
    made: list[Action] = [protections.Noout(flags), protections.UnsetNoout(flags)]
    return {action.name: action for action in made}


def test_noout_is_set_and_unset_by_who_set_it(guests: Guests, tmp_path: Path) -> None:
    actions = ceph(tmp_path)
    noout = step("ceph.noout", names=["dead01.example", "dead01"])
    assert actions["ceph.noout"].look(noout).facts == {"noout": False}
    result = actions["ceph.noout"].perform(noout, Direct(guests.clock))
    assert (result.ending, result.detail) == (Ending.DONE, "noout set for the OSDs of dead01")
    assert (tmp_path / "set").exists()
    assert actions["ceph.noout"].look(noout).already
    back = actions["ceph.noout"].undo(noout, result.facts)
    assert back is not None
    assert actions[back.action].perform(back, Direct(guests.clock)).ending is Ending.DONE
    assert not (tmp_path / "set").exists()


def test_a_flag_of_somebody_else_stays(guests: Guests, tmp_path: Path) -> None:
    actions = ceph(tmp_path)
    noout = step("ceph.noout", names=["dead01"])
    (tmp_path / "set").touch()
    result = actions["ceph.noout"].perform(noout, Direct(guests.clock))
    assert actions["ceph.noout"].undo(noout, result.facts) is None
    assert "set-group" not in (tmp_path / "asked").read_text()


def test_killed_after_the_change_noout_is_still_ours(guests: Guests, tmp_path: Path) -> None:
    action = ceph(tmp_path)["ceph.noout"]
    noout = step("ceph.noout", names=["dead01"])
    first = Direct(guests.clock, kill_after=1)
    with pytest.raises(Killed):
        action.perform(noout, first)
    result = action.perform(noout, Direct(guests.clock, given=first.records))
    assert (result.ending, result.facts["changed"]) == (Ending.DONE, True)
    assert (tmp_path / "asked").read_text().count(" set-group ") == 1


def test_a_host_without_osds_needs_no_flag(tmp_path: Path) -> None:
    seen = ceph(tmp_path)["ceph.noout"].look(step("ceph.noout", names=["cmp9"]))
    assert seen.already == "Ceph has no host of this name: no OSD is on it"


def test_the_account_that_writes_is_another_one(guests: Guests, tmp_path: Path) -> None:
    denied = ceph(tmp_path, writing_command=[str(tmp_path / "ceph"), "--id", "writer"])
    with pytest.raises(Unreachable, match=r"set-group failed: Error EACCES: access denied"):
        denied["ceph.noout"].perform(step("ceph.noout", names=["dead01"]), _quick(guests))
    assert "--id writer osd set-group noout dead01" in (tmp_path / "asked").read_text()


def test_without_a_command_the_setting_is_named() -> None:
    flags = CephFlags(CephSettings(), os.environ)
    with pytest.raises(NotDeployed, match="name no Ceph"):
        protections.Noout(flags).look(step("ceph.noout", names=["dead01"]))


def _quick(guests: Guests) -> Direct:
    return Direct(guests.clock)
