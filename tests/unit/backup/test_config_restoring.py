# SPDX-License-Identifier: Apache-2.0
"""The configuration is put where it was: whole, nowhere else, and what was there is kept."""

import contextlib
import io
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from day2.adapters import private_folders
from day2.adapters.vaults.plain import Plain
from day2.errors import NotVerified, Refused
from day2.model.backup import Found, Kind, Method
from day2.operations.backup import config_restoring, work
from day2.operations.backup.takers.tree import Beside, Entry, Held, Root, TreeTaker, restore
from tests.faults.backup.test_power_cut import follow, watched
from tests.unit.backup.stand import Stand, draft, prove

NAME = "config-20261126-060000-1a2b"
MARK = "drill-1"


class Machine:
    """A folder and a file of configuration, taken into a vault."""

    def __init__(self, stand: Stand) -> None:
        self.vault: Plain = stand.vault()
        self.clock = stand.clock
        self.kolla = stand.folder / "etc" / "kolla"
        self.inventory = stand.folder / "multinode"
        self.work = stand.folder / "work"
        (self.kolla / "config").mkdir(parents=True)
        (self.kolla / "passwords.yml").write_text("a: b\n")
        (self.kolla / "passwords.yml").chmod(0o600)
        (self.kolla / "config" / "nova.conf").write_text("[DEFAULT]\n")
        (self.kolla / "certificates").symlink_to("/somewhere/else")
        self.inventory.write_text("[all]\n")
        self.found = self.take()
        self.before = self.state()

    @property
    def roots(self) -> list[Path]:
        return [self.kolla, self.inventory]

    def take(self, name: str = NAME) -> Found:
        @contextlib.contextmanager
        def roots() -> Iterator[Sequence[Root]]:
            yield [Root(path=path, name=str(path)) for path in self.roots]

        held = Held(name="hosts/ctl1/keystone_fernet_tokens/0", content=b"key")
        taker = TreeTaker(Kind.CONFIG, roots, lambda _say: Beside(held=[held]))
        given = draft(name, method=Method.FULL)
        return work.take(self.vault, taker, given, self.clock, lambda _text: None)

    def put(self, **fields: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"allowed": self.roots, "mark": MARK, "folder": self.work}
        given |= fields
        return config_restoring.put(self.vault, self.found, say=lambda _text: None, **given)

    def state(self) -> dict[str, tuple[int, str]]:
        """Return mode and content of everything below the roots."""
        rows = {}
        for root in self.roots:
            for path in [root, *sorted(root.rglob("*"))]:
                mode = stat.S_IMODE(path.lstat().st_mode)
                text = path.readlink() if path.is_symlink() else path
                rows[str(path)] = (mode, str(text) if not path.is_file() else path.read_text())
        return rows


@pytest.fixture
def machine(stand: Stand) -> Machine:
    return Machine(stand)


def test_what_is_gone_is_there_again_with_modes_and_links(machine: Machine) -> None:
    shutil.rmtree(machine.kolla.parent)
    machine.inventory.unlink()
    told = machine.put()
    assert machine.state() == machine.before
    assert (told["kept"], told["elsewhere"]) == ([], 1)
    assert told["roots"] == [str(root) for root in machine.roots]


def test_what_was_there_is_kept_and_comes_back(machine: Machine) -> None:
    (machine.kolla / "passwords.yml").write_text("a: newer\n")
    newer = machine.state()
    told = machine.put()
    assert machine.state() == machine.before
    assert len(told["kept"]) == 2
    config_restoring.take_away(machine.work, mark=MARK)
    assert machine.state() == newer
    assert not any(Path(kept).exists() for kept in told["kept"])
    # A second attempt changes nothing more.
    config_restoring.take_away(machine.work, mark=MARK)
    assert machine.state() == newer


def test_what_was_gone_is_gone_again_when_it_is_taken_back(machine: Machine) -> None:
    shutil.rmtree(machine.kolla)
    machine.put()
    config_restoring.take_away(machine.work, mark=MARK)
    assert not machine.kolla.exists()
    assert machine.inventory.exists()


class Killed(BaseException):
    """As `kill -9` is: nobody catches it."""


@pytest.mark.parametrize(
    "moment", ["keep kolla", "place kolla", "keep multinode", "place multinode"]
)
def test_killed_before_any_name_changes_it_goes_on(machine: Machine, moment: str) -> None:
    (machine.kolla / "passwords.yml").write_text("a: newer\n")
    newer = machine.state()

    def kill(name: str) -> None:
        if name == moment:
            raise Killed

    with pytest.raises(Killed):
        machine.put(point=kill)
    machine.put()
    assert machine.state() == machine.before
    config_restoring.take_away(machine.work, mark=MARK)
    assert machine.state() == newer


@pytest.mark.parametrize("moment", ["place kolla", "place multinode"])
def test_a_link_is_put_back_after_a_kill_and_taken_away_again(
    machine: Machine, moment: str
) -> None:
    kept = machine.inventory.with_name("kept-in-git")
    machine.inventory.rename(kept)
    machine.inventory.symlink_to(kept)
    machine.found = machine.take(f"{NAME[:-4]}2b3c")

    def kill(name: str) -> None:
        if name == moment:
            raise Killed

    with pytest.raises(Killed):
        machine.put(point=kill)
    machine.put()
    assert machine.inventory.readlink() == kept
    # What it leads to is gone meanwhile; the link itself comes back all the same.
    kept.unlink()
    machine.inventory.unlink()
    machine.inventory.write_text("made by hand since\n")
    config_restoring.take_away(machine.work, mark=MARK)
    assert machine.inventory.is_symlink()


def test_what_is_secret_is_private_from_its_first_byte_on(machine: Machine) -> None:
    with (machine.kolla / "passwords.yml").open("ab") as opened:
        opened.write(b"# x\n" * (32 << 20))
    machine.found = machine.take(f"{NAME[:-4]}2b3c")
    fresh = machine.kolla.with_name(f".kolla.{MARK}-new") / "passwords.yml"
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                seen.add(stat.S_IMODE(fresh.lstat().st_mode))

    watching = threading.Thread(target=watch)
    watching.start()
    before = os.umask(0o022)
    try:
        machine.put()
    finally:
        os.umask(before)
        done.set()
        watching.join()
    assert seen == {0o600}


def test_what_was_put_back_outlasts_a_power_cut(machine: Machine) -> None:
    with watched() as acts:
        machine.put()
    follow(
        acts,
        ("flush", "passwords.yml"),
        ("flush", f".kolla.{MARK}-new"),
        ("rename", "kolla"),
        ("flush", machine.kolla.parent.name),
        ("flush", f".multinode.{MARK}-new"),
        ("rename", "multinode"),
        ("flush", machine.inventory.parent.name),
    )


def test_a_set_writes_nowhere_but_where_the_settings_say(machine: Machine) -> None:
    with pytest.raises(Refused, match="is no configuration by the settings"):
        machine.put(allowed=[machine.kolla])
    assert machine.state() == machine.before
    assert not machine.work.exists()


def test_a_bad_set_is_not_put_anywhere(machine: Machine) -> None:
    prove(machine.vault, machine.found, ok=False)
    machine.found = machine.vault.find(NAME)
    with pytest.raises(Refused, match="is not put back: it is bad"):
        machine.put()


def test_nothing_but_what_was_there_lies_beside(machine: Machine) -> None:
    machine.put()
    names = {path.name for root in machine.roots for path in root.parent.iterdir()}
    left = {name for name in names if MARK in name}
    assert left == {f".kolla.{MARK}-kept", f".multinode.{MARK}-kept"}
    assert [path.name for path in machine.work.iterdir()] == ["began.json"]


def forged(machine: Machine, *entries: Entry) -> Found:
    """Commit a set that somebody made who can write the vault: to seal, public keys are enough."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        folder = tarfile.TarInfo(str(machine.kolla).lstrip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for entry in entries:
            if entry.target:
                link = tarfile.TarInfo(entry.path.lstrip("/"))
                link.type, link.linkname = tarfile.SYMTYPE, entry.target
                archive.addfile(link)
    with machine.vault.write(draft(f"{NAME[:-4]}ffff", method=Method.FULL)) as writer:
        with writer.sink("tree", "tree.tar") as sink:
            sink.write(packed.getvalue())
        with writer.sink("index", "index.json") as sink:
            sink.write(msgspec.json.encode(entries))
        return writer.commit(source={"roots": [str(machine.kolla)]}, exits={})


@pytest.mark.parametrize("way", ["put", "restore", "verify"])
def test_an_index_that_leads_out_of_its_tree_touches_nothing(machine: Machine, way: str) -> None:
    """Root would give away whatever the index names, or make a link there."""
    victim = machine.kolla.parents[1] / "victim"
    victim.mkdir(mode=0o700)
    root, into = Entry(path=str(machine.kolla), mode=0o755, owner=0, group=0), machine.work / "into"
    machine.work.mkdir()
    if way == "put":
        # Below the root by its letters, beside it by what they mean.
        path = f"{machine.kolla}/../../victim/link"
        bad = Entry(path=path, mode=0o777, owner=0, group=0, target="/etc/shadow")
    else:
        up = "/".join([".."] * len(into.parts))
        bad = Entry(path=f"{up}{victim}", mode=0o777, owner=0, group=0)
    machine.found = forged(machine, root, bad)
    with pytest.raises(NotVerified, match="leads out of"):
        if way == "put":
            machine.put()
        elif way == "restore":
            restore(machine.vault, machine.found, into, machine.work, lambda _text: None)
        else:
            taker = TreeTaker(Kind.CONFIG, lambda: contextlib.nullcontext(()))
            taker.prove(machine.vault, machine.found, machine.work, lambda _text: None)
    assert stat.S_IMODE(victim.stat().st_mode) == 0o700
    assert list(victim.iterdir()) == []
    assert not into.exists()
    assert machine.state() == machine.before


def test_what_a_killed_one_had_decrypted_goes_with_whoever_comes_next(machine: Machine) -> None:
    place = machine.work.parent / "aside"

    def left() -> list[str]:
        return sorted(str(one) for one in place.rglob("passwords.yml"))

    def kill(_name: str) -> None:
        os._exit(0)

    child = os.fork()
    if child == 0:
        machine.put(folder=place / "one", point=kill)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert left()
    assert [one.name for one in (place / "one").iterdir()] == ["began.json"]
    # The run was cancelled, and is not gone on with: every worker sweeps.
    private_folders.sweep(place)
    assert left() == []


def test_what_was_unpacked_outlasts_a_power_cut(machine: Machine, stand: Stand) -> None:
    into = stand.into / "new"
    (stand.into / "scratch").mkdir()
    with watched() as acts:
        restore(machine.vault, machine.found, into, stand.into / "scratch", lambda _said: None)
    follow(
        acts,
        ("flush", "passwords.yml"),
        ("flush", "kolla"),
        ("rename", "new"),
        ("flush", stand.into.name),
    )
