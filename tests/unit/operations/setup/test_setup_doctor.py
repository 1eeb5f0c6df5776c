# SPDX-License-Identifier: Apache-2.0
import os
import stat
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.errors import BadSettings, Denied, Unreachable
from day2.model.examination import Examination, Item, State
from day2.model.survey import Gap
from day2.model.tables.infrastructure import CacheNode
from day2.operations.setup import local
from day2.operations.setup.doctor import Part, Probe, examine
from day2.report import doctor as report
from day2.survey.lanes import Job, Result

CACHE = Part(
    id="cache",
    title="memcached",
    kinds=("cache_nodes",),
    section="cache",
    unset="memcached",
    cure="see that it runs",
    commands=("nc 127.0.0.1 11211",),
)


def item(state: State = State.OK, **fields: Any) -> Item:
    return Item(**{"id": "x", "title": "x", "state": state, "detail": "said", **fields})


def tried(
    probes: Sequence[Probe] = (), jobs: Sequence[Job] = (), seconds: float = 5.0
) -> dict[str, Item]:
    found = examine(probes, jobs, [CACHE], cloud="one", clock=SystemClock(), seconds_max=seconds)
    return {i.id: i for i in found}


def probe(name: str, run: Any, **fields: Any) -> Probe:
    return Probe(**{"id": name, "title": name, "lane": name, "run": run, **fields})


def read(*rows: CacheNode, gaps: Sequence[Gap] = ()) -> Job:
    result = Result(rows={"cache_nodes": list(rows)}, gaps=list(gaps))
    return Job(lane="cache", kinds=("cache_nodes",), what="memcached", run=lambda _rows: result)


@pytest.mark.parametrize(
    ("codes", "code"),
    [((), 0), ((20,), 20), ((21,), 21), ((20, 21), 21), ((20, 21, 2), 2), ((22,), 22)],
)
def test_settings_come_before_rights_before_silence(codes: tuple[int, ...], code: int) -> None:
    items = [item(State.FAILED, exit_code=c) for c in codes]
    items.append(item(State.WARNING, exit_code=2))
    assert Examination(items=items).exit_code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Denied("no", hint="ask"), 21),
        (Unreachable("silence"), 20),
        (BadSettings("wrong: clouds.NAME.kolla"), 2),
    ],
)
def test_a_named_failure_is_an_item_with_its_code(error: Exception, code: int) -> None:
    def run() -> list[Item]:
        raise error

    found = tried([probe("account", run)])["account"]
    assert (found.state, found.exit_code, found.cloud) == (State.FAILED, code, "one")


def test_hints_name_the_cloud() -> None:
    def run() -> list[Item]:
        raise BadSettings("wrong", hint="setting clouds.NAME.kolla.inventory")

    assert tried([probe("kolla", run)])["kolla"].cure == "setting clouds.one.kolla.inventory"


def test_what_hangs_has_failed_in_time_and_the_rest_is_told() -> None:
    started = time.monotonic()
    found = tried(
        [probe("slow", lambda: threading.Event().wait(30)), probe("quick", lambda: [item(id="q")])],
        seconds=0.3,
    )
    assert time.monotonic() - started < 5
    assert found["q"].state is State.OK
    assert (found["slow"].state, found["slow"].exit_code) == (State.FAILED, 20)


def test_a_part_that_is_not_set_is_skipped_with_its_price() -> None:
    found = tried()["cache"]
    assert (found.state, found.cure) == (State.SKIPPED, "setting clouds.one.cache")
    assert "does not see memcached" in found.detail


def test_a_part_whose_every_row_answers_is_usable() -> None:
    assert tried(jobs=[read(CacheNode(address="a:1", reachable=True))])["cache"].state is State.OK


def test_a_silent_node_fails_its_part_with_its_name_and_the_command() -> None:
    rows = [
        CacheNode(address="a:1", reachable=True),
        CacheNode(address="b:1", reachable=False, error="connection refused"),
    ]
    found = tried(jobs=[read(*rows)])["cache"]
    assert (found.state, found.exit_code) == (State.FAILED, 20)
    assert found.detail == "b:1: connection refused"
    assert found.commands == CACHE.commands


@pytest.mark.parametrize(
    ("error", "code"), [("Denied", 21), ("Unreachable", 20), ("BadSettings", 2)]
)
def test_a_gap_fails_its_part_by_its_kind(error: str, code: int) -> None:
    gap = Gap(kind="cache_nodes", what="memcached", error=error, message="m", hint="do it")
    found = tried(jobs=[read(gaps=[gap])])["cache"]
    assert (found.state, found.exit_code) == (State.FAILED, code)
    assert (found.cure, bool(found.commands)) == (
        ("do it", False) if error == "BadSettings" else (CACHE.cure, True)
    )


def test_text_has_failures_first_one_cure_for_all_and_80_columns() -> None:
    long = "word " * 60
    items = [
        item(title="fine"),
        item(State.WARNING, title="warned", detail=long, cure="w"),
        item(
            State.FAILED,
            title="first",
            detail=long,
            cure="same",
            commands=["do --it"],
            exit_code=21,
        ),
        item(State.FAILED, title="second", cure="same", commands=["do --it"], exit_code=21),
        item(State.SKIPPED, title="a", detail="not set"),
        item(State.SKIPPED, title="b", detail="not set"),
    ]
    text = report.render(Examination(items=items))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line for line in lines if line in {"Failed", "Warnings", "Usable", "Not tried"}]
    assert heads == ["Failed", "Warnings", "Usable", "Not tried"]
    assert text.count("do --it") == 1
    assert "- a, b: not set" in text
    assert lines[-1].startswith("Exit code 21")


def test_long_commands_go_on_after_a_backslash() -> None:
    command = "openstack role add --user name --user-domain Default --project admin --x y admin"
    text = report.render(Examination(items=[item(State.FAILED, commands=[command], exit_code=21)]))
    typed = [line.strip().removesuffix("\\").strip() for line in text.splitlines()]
    assert command in " ".join(typed)
    assert max(map(len, text.splitlines())) <= 80


def test_what_a_cloud_says_never_steers_the_terminal() -> None:
    hostile = item(State.FAILED, detail="\x1b[2J", cure="\x1b]0;x\x07", commands=["\x1b[31m"])
    assert "\x1b" not in report.render(Examination(items=[hostile]))


def test_settings_that_others_may_write_have_failed(tmp_path: Path) -> None:
    file = tmp_path / "day2.yaml"
    file.write_text("clouds: {}\n")
    file.chmod(0o644)
    assert local.settings_file(file, [], account=False).state is State.OK
    file.chmod(0o666)
    found = local.settings_file(file, [], account=False)
    assert (found.state, found.exit_code) == (State.FAILED, 2)
    assert found.commands == [f"chmod go-w {file}"]


def test_no_settings_will_do_with_an_account_in_the_shell(tmp_path: Path) -> None:
    assert local.settings_file(None, [tmp_path], account=True).state is State.WARNING
    assert local.settings_file(None, [tmp_path], account=False).exit_code == 2


def test_passwords_that_others_may_read_are_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text("clouds: {}\n")
    file.chmod(0o640)
    found = local.private("accounts", "accounts file", file)
    assert (found.state, found.commands) == (State.WARNING, [f"chmod 600 {file}"])
    file.chmod(0o600)
    assert local.private("accounts", "accounts file", file).state is State.OK


def test_a_right_that_the_doctor_had_given_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "passwords.yml"
    file.write_text("")
    file.chmod(0o600)

    def give(group: int) -> None:
        # What `setfacl -m u:65534:r` leaves, with what the group of the file may do.
        nobody = 0xFFFFFFFF
        entries = [(1, 6, nobody), (2, 4, 65534), (4, group, nobody), (16, 4, nobody)]
        listed = [struct.pack("<HHI", *entry) for entry in [*entries, (32, 0, nobody)]]
        try:
            os.setxattr(file, local.RIGHTS, struct.pack("<I", 2) + b"".join(listed))
        except OSError as error:
            pytest.skip(f"no lists of rights here: {error}")

    give(group=0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert local.private("p", "p", file).state is State.OK
    give(group=4)
    assert local.private("p", "p", file).state is State.WARNING


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_stays_readable_for_us(tmp_path: Path) -> None:
    file = tmp_path / "passwords.yml"
    file.write_text("")
    file.chmod(0o640)
    os.chown(file, 65534, 0)
    (command,) = local.private("p", "p", file).commands
    assert command == f'sudo setfacl -m "u:$USER:r,g::-,o::-" {file}'


def test_state_folder_is_to_be_private_and_need_not_exist(tmp_path: Path) -> None:
    assert local.state(tmp_path / "a" / "b").state is State.OK
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o755)
    assert local.state(open_to_all).state is State.WARNING
    (tmp_path / "file").write_text("")
    assert local.state(tmp_path / "file" / "x").exit_code == 2
