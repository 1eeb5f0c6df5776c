# SPDX-License-Identifier: Apache-2.0
"""Configuration: what lies on the hosts is fetched sealed, and told honestly where it is not."""

import base64
import contextlib
import io
import json
import os
import signal
import stat
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.ansible import Ansible
from day2.adapters.host_files import Bounds, Fetched, FilesOfHosts, HostFiles, Lack
from day2.adapters.kolla.inventory import Inventory
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.adapters.vaults import keys
from day2.errors import BadAnswer, BadSettings, NotVerified, Refused, Unreachable
from day2.model.backup import Kind, Level, State, Told
from day2.operations.backup import work
from day2.operations.backup.takers import config
from day2.operations.backup.takers.tree import Beside, Held, Root, TreeTaker, restore
from tests import ansible
from tests.unit.backup.bare_vault import BareVault, draft
from tests.unit.backup.stand import Stand

KEY = b"c2VjcmV0LWZlcm5ldC1rZXk="
DOCKER = """#!{python} -I
import io, json, os, sys, tarfile
words, host = sys.argv[1:], os.environ["HOST"]
mounts = [{{"Name": "keystone_fernet_tokens", "Destination": "/etc/keystone/fernet-keys"}}]
names = {names!r}[host]
if words[0] == "ps":
    print("\\n".join(names))
elif words[0] == "inspect":
    print(json.dumps([
        {{"Id": name, "Name": "/" + name, "State": {{"Status": "running"}}, "Image": "sha256:aa",
          "Config": {{"Image": "kolla/" + name + ":1"}},
          "Mounts": mounts if name == "keystone" else []}} for name in names
    ]))
elif words[0] == "image":
    print(json.dumps([{{"Id": "sha256:aa", "RepoDigests": ["r/kolla@sha256:bb"]}}]))
elif words[:1] == ["cp"] and words[1].endswith("fernet-keys"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("0", "1"):
            file = tarfile.TarInfo("fernet-keys/" + name)
            content = {key!r} + (host.encode() if host == "odd" else b"")
            file.size = len(content)
            archive.addfile(file, io.BytesIO(content))
    sys.stdout.buffer.write(packed.getvalue())
elif words[:1] == ["cp"] and "snapshot" in words[1]:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        file = tarfile.TarInfo("day2-etcd-snapshot")
        file.size = 4
        archive.addfile(file, io.BytesIO(b"etcd"))
    sys.stdout.buffer.write(packed.getvalue())
elif words[0] == "exec" and "ovsdb-client" in words:
    sys.stdout.buffer.write(b"OVSDB JSON " + words[-1].encode())
elif words[0] == "exec" and words[2] in ("etcdctl", "rm"):
    open({folder!r} + "/etcd-asked", "a").write(" ".join(words) + "\\n")
else:
    sys.exit("Error response from daemon: Could not find the file in container")
"""
BOUNDS = Bounds(host_seconds=30, seconds_max=60, read_bytes=1 << 20, answer_bytes=1 << 20)
VOLUMES = ["keystone_fernet_tokens"]


BEGIN = datetime(2026, 5, 4, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def asking(
    folder: Path, containers: dict[str, Sequence[str]], bounds: Bounds = BOUNDS
) -> FilesOfHosts:
    """Return hosts whose engine is scripted and whose program is the real one."""
    section = ansible.scripted(folder, list(containers))
    engine = folder / "venv" / "bin" / "docker"
    names = {host: list(found) for host, found in containers.items()}
    engine.write_text(
        DOCKER.format(python=sys.executable, names=names, key=KEY, folder=str(folder))
    )
    engine.chmod(0o755)
    settings = KollaSettings(**section)
    virtualenv = Virtualenv(section["virtualenv"], {"PATH": os.environ["PATH"]})
    hosts = Ansible(settings, virtualenv, Inventory(settings, virtualenv))
    return FilesOfHosts(hosts, bounds, engine="docker")


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """Lead temporary folders here, and keep what Ansible wrote in them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    yield folder
    tempfile.tempdir = before


def test_what_hosts_have_is_fetched(tmp_path: Path) -> None:
    everything = ("keystone", "ovn_nb_db", "ovn_sb_db", "etcd")
    (host,) = asking(tmp_path, {"ctl": everything}).fetch(VOLUMES)
    assert host.error is None
    assert {(file.what, file.path): file.content for file in host.files} == {
        ("keystone_fernet_tokens", "0"): KEY,
        ("keystone_fernet_tokens", "1"): KEY,
        ("ovn_nb_db.backup", ""): b"OVSDB JSON OVN_Northbound",
        ("ovn_sb_db.backup", ""): b"OVSDB JSON OVN_Southbound",
        ("etcd", "day2-etcd-snapshot"): b"etcd",
    }
    assert [(lack.what, lack.absent) for lack in host.lacks] == [("keystone_credential_keys", True)]
    assert host.containers[0].digests == ["r/kolla@sha256:bb"]
    # The snapshot does not stay in the container.
    assert "rm -f /tmp/day2-etcd-snapshot" in (tmp_path / "etcd-asked").read_text()


def test_keys_pass_through_ansible_sealed(tmp_path: Path) -> None:
    """Whatever Ansible and its plug-ins write of an answer, no key can be read out of it."""
    seen = tmp_path / "seen"
    found = asking(tmp_path, {"ctl": ("keystone",)})
    program = tmp_path / "venv" / "bin" / "ansible"
    text = program.read_text().replace(
        "    print(events.write", f"    open({str(seen)!r}, 'a').write(json.dumps(event))\n"
        "    print(events.write",
    )  # fmt: skip
    program.write_text(text)
    (host,) = found.fetch(VOLUMES)
    assert host.files[0].content == KEY
    answer = seen.read_text()
    assert "hidden" in answer
    for form in (KEY, base64.b64encode(KEY), base64.b64encode(zlib.compress(KEY, 6))):
        assert form.decode() not in answer


def test_nothing_of_an_answer_stays_in_a_folder(tmp_path: Path, temporary: Path) -> None:
    asking(tmp_path, {"ctl": ("keystone",)}).fetch(VOLUMES)
    assert list(temporary.iterdir()) == []


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    small = Bounds(host_seconds=30, seconds_max=60, read_bytes=1 << 20, answer_bytes=100)
    (host,) = asking(tmp_path, {"ctl": ("keystone",)}, small).fetch(VOLUMES)
    assert host.files == []
    why = {lack.what: lack.why for lack in host.lacks}["keystone_fernet_tokens"]
    assert why.startswith("it does not fit")


def test_a_host_that_changes_its_answer_is_found_out(tmp_path: Path) -> None:
    found = asking(tmp_path, {"ctl": ("keystone",)})
    program = tmp_path / "venv" / "bin" / "ansible"
    text = program.read_text().replace(
        "    print(events.write",
        "    answer = event['event_data']['res']['day2']\n"
        "    answer['hidden'] = 'AAAA' + answer['hidden'][4:]\n"
        "    print(events.write",
    )
    program.write_text(text)
    (host,) = found.fetch(VOLUMES)
    assert isinstance(host.error, BadAnswer)
    assert "not whole" in str(host.error)


def test_a_host_gives_nothing_but_what_it_was_asked_for(tmp_path: Path) -> None:
    """Else it would say where in the set its files lie: within this machine's configuration."""
    found = asking(tmp_path, {"bad": ("keystone",)})
    program = tmp_path / "venv" / "bin" / "ansible"
    program.write_text(
        program.read_text().replace(
            "program = programs.load(words)\n",
            "at = words.index('-a') + 1\n"
            "asked = json.loads(words[at])\n"
            "asked['wanted'][0]['what'] = '../../etc/kolla/group_vars'\n"
            "words[at] = json.dumps(asked)\n"
            "program = programs.load(words)\n",
        )
    )
    (bad,) = found.fetch(VOLUMES)
    assert isinstance(bad.error, BadAnswer)
    assert "was not asked for" in str(bad.error)
    assert bad.files == []


def member(name: str, content: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for field, value in fields.items():
        setattr(made, field, value)
    return made, content


HOLES = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40)}
LINK: dict[str, Any] = {"type": tarfile.SYMTYPE, "linkname": os.fsdecode(b"../archive/\xe9")}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        # A few hundred bytes on their way, a tebibyte of zeros when it is read.
        ([member("fernet-keys/0", pax_headers=HOLES)], "larger than"),
        # What no index can hold, and what an index can hold once only.
        ([member("fernet-keys/live", **LINK)], "leads to no name"),
        ([member("fernet-keys/0", b"a"), member("fernet-keys/./0", b"b")], "twice"),
    ],
)
def test_what_one_host_makes_up_ends_no_backup_of_the_others(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], said: str
) -> None:
    found = asking(tmp_path, {"bad": ("keystone",), "ctl": ("keystone",)})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for one, content in members:
            archive.addfile(one, io.BytesIO(content))
    engine = tmp_path / "venv" / "bin" / "docker"
    text = engine.read_text().replace(
        "    sys.stdout.buffer.write(packed.getvalue())\n",
        f"    made = {packed.getvalue()!r} if host == 'bad' else packed.getvalue()\n"
        "    sys.stdout.buffer.write(made)\n",
        1,
    )
    engine.write_text(text)
    bad, good = found.fetch(VOLUMES)
    assert isinstance(bad.error, BadAnswer)
    assert said in str(bad.error)
    assert [file.content for file in good.files] == [KEY, KEY]


def test_an_answer_in_another_form_is_refused(tmp_path: Path) -> None:
    found = asking(tmp_path, {"ctl": ()})
    ansible.say(tmp_path, "ctl", "ok", day2={"key": "zz", "code": "", "hidden": ""})
    (host,) = found.fetch(VOLUMES)
    assert isinstance(host.error, BadAnswer)


# What the hosts brought, judged.


def host(name: str, *files: Fetched, **fields: Any) -> HostFiles:
    return HostFiles(host=name, groups=("keystone",), files=list(files), **fields)


def fernet(content: bytes = KEY) -> Fetched:
    return Fetched(what="keystone_fernet_tokens", path="0", content=content)


def source_of(*hosts: HostFiles) -> dict[str, Any]:
    return config.beside(list(hosts), {"kolla-ansible": "20"}).source


def test_keys_of_all_hosts_are_compared() -> None:
    assert source_of(host("a", fernet()), host("b", fernet()))["fernet_keys"] == {
        "hosts": 2, "keys": 1, "equal": True
    }  # fmt: skip
    odd = source_of(host("a", fernet()), host("b", fernet(b"other")))
    assert odd["fernet_keys"]["equal"] is False


def test_no_fact_tells_anything_of_a_key() -> None:
    made = config.beside([host("a", fernet())], {})
    told = json.dumps(made.source)
    assert KEY.decode() not in told
    assert not any(len(word) >= 32 for word in told.replace('"', " ").split())


def test_a_dead_host_is_named_and_the_others_are_taken() -> None:
    dead = host("b", error=Unreachable("b cannot be reached"))
    found = source_of(host("a", fernet()), dead)
    assert found["hosts"] == {"asked": 2, "answered": 1}
    assert "b cannot be reached" in found["missing"]


def test_no_set_without_the_keys_of_keystone() -> None:
    lack = Lack(what="keystone_fernet_tokens", why="no container mounts it", absent=True)
    with pytest.raises(Unreachable, match="Fernet keys"):
        config.beside([host("a", lacks=[lack])], {})
    with pytest.raises(Unreachable, match="no host answered"):
        config.beside([host("a", error=Unreachable("gone"))], {})


@pytest.mark.parametrize(
    ("lacks", "files", "said"),
    [
        ([], [Fetched(what="keystone_credential_keys", path="0", content=b"k")], "saved"),
        ([], [], "null key"),
        ([Lack(what="keystone_credential_keys", why="x", absent=True)], [], "null key"),
        ([Lack(what="keystone_credential_keys", why="not in time")], [], "unknown"),
    ],
)
def test_which_case_of_credential_keys_applies(
    lacks: list[Lack], files: list[Fetched], said: str
) -> None:
    assert source_of(host("a", fernet(), *files, lacks=lacks))["credential_keys"] == said


def test_live_databases_are_no_change() -> None:
    made = config.beside([host("a", fernet(), Fetched(what="etcd", path="s", content=b"1"))], {})
    assert {one.name: one.live for one in made.held} == {
        "hosts/a/keystone_fernet_tokens/0": False,
        "hosts/a/etcd/s": True,
        config.IMAGES: False,
        config.VERSIONS: False,
    }


# Sets.


def taker(folder: Path, *held: Held) -> TreeTaker:
    @contextlib.contextmanager
    def roots() -> Iterator[Sequence[Root]]:
        yield [Root(path=folder, name="/etc/kolla")]

    return TreeTaker(Kind.CONFIG, roots, lambda _say: Beside(held=list(held), source={"x": 1}))


def silent(_text: str) -> None:
    pass


@pytest.fixture
def kolla(tmp_path: Path) -> Path:
    folder = tmp_path / "kolla"
    folder.mkdir()
    (folder / "globals.yml").write_text("a: 1\n")
    return folder


def take(vault: BareVault, taken: TreeTaker, name: str, **fields: Any) -> str:
    made = work.take(vault, taken, draft(Kind.CONFIG, name, **fields), vault.clock, silent)
    return made.manifest.id


def test_a_set_holds_what_is_on_the_hosts_and_proves_it(tmp_path: Path, kolla: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    held = Held(name="hosts/a/keystone_fernet_tokens/0", content=KEY)
    link = Held(name="hosts/a/letsencrypt/live", target="../archive")
    take(vault, taker(kolla, held, link), "config-1")
    found = vault.find("config-1")
    assert found.manifest.source["x"] == 1
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert taker(kolla).prove(vault, found, scratch, silent)["files"] == 4
    unpacked = scratch / "unpacked" / "hosts/a/keystone_fernet_tokens/0"
    assert unpacked.read_bytes() == KEY


def test_a_set_that_lost_a_byte_is_not_verified(tmp_path: Path, kolla: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    take(vault, taker(kolla, Held(name="hosts/a/k", content=KEY)), "config-1")
    found = vault.find("config-1")
    (tree,) = [a for a in found.manifest.artefacts if a.of == "tree"]
    file = vault.file(found, tree)
    file.write_bytes(file.read_bytes().replace(KEY, KEY[::-1]))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(NotVerified):
        taker(kolla).prove(vault, found, scratch, silent)


def test_what_has_not_changed_is_not_taken_again(tmp_path: Path, kolla: Path) -> None:
    clock = Clock()
    vault = BareVault(tmp_path / "vault", clock)
    key = Held(name="hosts/a/k", content=KEY)
    first = [key, Held(name="hosts/a/etcd", content=b"1", live=True)]
    take(vault, taker(kolla, *first), "config-1")
    # etcd goes on by itself.
    clock.moment += timedelta(days=1)
    second = [key, Held(name="hosts/a/etcd", content=b"2", live=True)]
    assert take(vault, taker(kolla, *second), "config-2") == "config-1"
    (found,) = vault.sets()
    assert [record.told for record in found.records] == [Told.UNCHANGED]
    assert (found.manifest.started_at, found.holds_at) == (BEGIN, clock.moment)
    assert take(vault, taker(kolla, *second), "config-3", about={"always": "yes"}) == "config-3"


def test_any_change_is_taken(tmp_path: Path, kolla: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    held = Held(name="hosts/a/k", content=KEY)
    take(vault, taker(kolla, held), "config-1")
    assert take(vault, taker(kolla, Held(name="hosts/a/k", content=b"x")), "config-2") == "config-2"
    (kolla / "globals.yml").write_text("a: 2\n")
    assert take(vault, taker(kolla, Held(name="hosts/a/k", content=b"x")), "config-3") == "config-3"
    # Back to what the first had: the newest differs, so it is news.
    (kolla / "globals.yml").write_text("a: 1\n")
    assert take(vault, taker(kolla, held), "config-4") == "config-4"


def test_a_file_of_two_names_is_there_under_both(tmp_path: Path, kolla: Path) -> None:
    """`cp -al` and `rsync --link-dest` leave such files; tar has the second as a mere reference."""
    (kolla / "globals.yml.kept").hardlink_to(kolla / "globals.yml")
    vault = BareVault(tmp_path / "vault")
    take(vault, taker(kolla), "config-1")
    scratch, into = tmp_path / "scratch", tmp_path / "into"
    scratch.mkdir()
    found = vault.find("config-1")
    assert taker(kolla).prove(vault, found, scratch, silent)["files"] == 3
    restore(vault, found, into, tmp_path, silent)
    names = {path.name: path.read_text() for path in (into / "etc/kolla").iterdir()}
    assert names == {"globals.yml": "a: 1\n", "globals.yml.kept": "a: 1\n"}


def test_a_name_that_no_set_can_hold_is_told(tmp_path: Path, kolla: Path) -> None:
    (kolla / os.fsdecode(b"globals-\xe9t\xe9.yml")).touch()
    vault = BareVault(tmp_path / "vault")
    with pytest.raises(BadSettings, match="is not UTF-8") as caught:
        take(vault, taker(kolla), "config-1")
    assert "globals-?t?.yml" in str(caught.value)
    assert vault.sets() == []


def test_what_a_killed_restore_left_is_no_hindrance(tmp_path: Path, kolla: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    take(vault, taker(kolla), "config-1")
    left = tmp_path / ".into.day2-restoring"
    left.mkdir()
    (left / "half").write_text("of a file")
    restore(vault, vault.find("config-1"), tmp_path / "into", tmp_path, silent)
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["etc"]
    assert not left.exists()


def test_a_folder_that_cannot_be_made_is_told_and_is_no_fault_of_ours(
    tmp_path: Path, kolla: Path
) -> None:
    vault = BareVault(tmp_path / "vault")
    take(vault, taker(kolla), "config-1")
    with pytest.raises(Refused, match="there is no folder"):
        restore(vault, vault.find("config-1"), tmp_path / "a" / "b", tmp_path, silent)


@pytest.mark.parametrize("tree", [b"no tar at all", None])
def test_a_tree_that_cannot_be_unpacked_makes_its_set_bad(
    tmp_path: Path, tree: bytes | None
) -> None:
    vault = BareVault(tmp_path / "vault")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with vault.write(draft(Kind.CONFIG, "config-1")) as writer:
        with writer.sink("tree", "tree.tar") as sink:
            sink.write(packed.getvalue() if tree is None else tree)
        with writer.sink("index", "index.json") as sink:
            sink.write(b"[]")
        writer.commit(source={}, exits={})
    verified = work.verify(
        vault, taker(tmp_path), "config-1", Level.RESTORED,
        by="tests", clock=vault.clock, scratch=tmp_path, say=silent,
    )  # fmt: skip
    assert (verified.ok, vault.find("config-1").state) == (False, State.BAD)
    assert "cannot be unpacked" in verified.detail
    assert not (tmp_path / "outside").exists()


def test_what_has_not_changed_is_taken_again_for_other_keys(stand: Stand, kolla: Path) -> None:
    """A key was lost, and replaced: the newest set must open with the new one."""
    keys.generate(stand.folder / "next.key", stand.clock.now())
    (following,) = keys.identities(str(stand.folder / "next.key"))
    replaced = [stand.recipients[0], str(following.to_public())]

    def newest(at: str, recipients: list[str]) -> str:
        vault = stand.vault(recipients=recipients)
        given = draft(Kind.CONFIG, f"config-20261126-{at}")
        return work.take(vault, taker(kolla), given, stand.clock, silent).manifest.id

    first = newest("060000-aaaa", stand.recipients)
    assert newest("070000-bbbb", list(reversed(stand.recipients))) == first
    second = newest("080000-cccc", replaced)
    assert second != first
    assert stand.vault().find(second).manifest.recipients == replaced
    assert newest("090000-dddd", replaced) == second


def test_what_a_killed_proof_left_decrypted_is_removed_by_the_next(
    tmp_path: Path, kolla: Path
) -> None:
    vault = BareVault(tmp_path / "vault")
    take(vault, taker(kolla, Held(name="hosts/a/k", content=KEY)), "config-1")
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def prove(say: Callable[[str], None]) -> bool:
        return work.verify(
            vault, taker(kolla), "config-1", Level.RESTORED,
            by="tests", clock=vault.clock, scratch=scratch, say=say,
        ).ok  # fmt: skip

    child = os.fork()
    if not child:
        # Killed when the keys lie there in clear.
        prove(lambda said: os.kill(os.getpid(), signal.SIGKILL) if said == "unpacking" else None)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    (left,) = scratch.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    assert prove(silent)
    assert list(scratch.iterdir()) == []
