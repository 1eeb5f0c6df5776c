# SPDX-License-Identifier: Apache-2.0
"""The documentation says everything that the program has, and nothing that it has not."""

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from day2 import errors
from day2.cli.app import App
from day2.cli.document import EXIT_CODES, Document
from day2.model.survey import KINDS, Reading, Survey, Tables
from day2.model.tables.compute import Server
from day2.operations.health import noise
from day2.operations.health.check import Facts
from day2.operations.health.policy import HealthPolicy
from day2.wiring import registries, sections
from docs import generate

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
EXAMPLE = DOCS / "examples" / "acme_checks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS: dict[str, str] = {
    name.replace("_", " "): target for name, target in PROJECT["entry-points"]["day2.cli"].items()
}
OF_CLIFF = ("help", "complete")
PAGES = sorted(DOCS.rglob("*.md"))
AT_THE_TOP = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING")]
PROSE = [*AT_THE_TOP, ROOT / "CHANGELOG.md", *PAGES]
FENCE = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def reference(page: str) -> str:
    return (REFERENCE / page).read_text()


@cache
def command(name: str) -> Document:
    made: Document = EntryPoint(name, COMMANDS[name], "day2.cli").load()(App(), None)
    return made


@cache
def actions(name: str) -> tuple[argparse.Action, ...]:
    return tuple(command(name).get_parser(name)._actions)  # noqa: SLF001 - nothing else lists them


@cache
def options(name: str) -> frozenset[str]:
    return frozenset(option for action in actions(name) for option in action.option_strings)


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=30,
        env={**os.environ, **more},
    )


def test_the_generated_reference_is_up_to_date() -> None:
    stale = [name for name, text in generate.pages().items() if reference(name) != text]
    assert stale == [], "run: make docs"


# What the reference must have, without asking the generator.


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_option_is_in_the_reference(name: str) -> None:
    text = reference("commands.md")
    assert f"## day2 {name}\n" in text
    missing = [o for o in options(name) if f"`{o}`" not in text and f"`{o} " not in text]
    assert missing == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_argument_says_what_it_is(name: str) -> None:
    assert (type(command(name)).__doc__ or "").strip()
    silent = [action.dest for action in actions(name) if not action.help]
    assert silent == []


def test_every_setting_is_in_the_reference() -> None:
    text = reference("settings.md")
    paths = [
        f"{pattern.replace('*', 'NAME')}.{field.encode_name}".lstrip(".")
        for pattern, kind in sections.SCHEMA.items()
        if pattern.removeprefix("clouds.*.") not in sections.SHARED or "*" not in pattern
        for field in msgspec.structs.fields(kind)
    ]
    assert [path for path in paths if f"`{path}`" not in text] == []


def test_every_setting_says_what_it_is() -> None:
    rows = [r.split(" | ") for r in reference("settings.md").splitlines() if r.startswith("| `")]
    assert [row[0] for row in rows if len(row) == 4 and not row[3].strip("| ")] == []


def test_every_exit_code_is_in_the_reference() -> None:
    text = reference("exit-codes.md")
    assert [code for code in EXIT_CODES if f"\n| {code} | " not in text] == []


def test_every_error_is_in_the_reference() -> None:
    text = reference("errors.md")
    named = [
        name
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.Day2Error)
    ]
    assert [name for name in named if not re.search(rf"\b{name}\b", text)] == []


def test_every_check_is_in_the_reference() -> None:
    text = reference("checks.md")
    assert [c.name for c in registries.checks() if f"\n## {c.name} " not in text] == []


def test_every_check_has_a_note_and_every_note_a_check() -> None:
    notes = YAML(typ="safe", pure=True).load((DOCS / "notes" / "checks.yaml").read_text())
    assert sorted(notes) == sorted(check.name for check in registries.checks())


def test_every_setting_of_a_check_exists() -> None:
    known = set(HealthPolicy.__struct_fields__)
    assert [c.name for c in registries.checks() if not known.issuperset(c.settings)] == []


def test_every_table_and_field_is_in_the_reference() -> None:
    text = reference("tables.md")
    hints = typing.get_type_hints(Tables)
    missing = []
    for kind in KINDS:
        section = text.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
        fields = typing.get_args(hints[kind])[0].__struct_fields__
        missing += [f"{kind}.{name}" for name in fields if f"| `{name}` |" not in section]
    assert missing == []


def test_every_known_noise_is_in_the_reference() -> None:
    text = reference("known-noise.md")
    assert [entry.id for entry in noise.shipped() if f"`{entry.id}`" not in text] == []


def test_every_document_is_in_the_reference() -> None:
    text = reference("documents.md")
    assert [name for name in sorted(schemas()) if f"`day2.{name}/1`" not in text] == []


def schemas() -> Iterator[str]:
    """Find the names of documents where commands make them."""
    for file in (ROOT / "src" / "day2" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id == "envelope":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)
            for word in node.keywords:
                if word.arg == "schema" and isinstance(word.value, ast.Constant):
                    yield str(word.value.value)


# What the pages say must be there.


def test_every_page_is_in_the_menu() -> None:
    menu = YAML(typ="safe", pure=True).load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(targets(menu)) == sorted(str(page.relative_to(DOCS)) for page in PAGES)


def targets(menu: Any) -> Iterator[str]:
    if isinstance(menu, str):
        yield menu
    for entry in (
        menu if isinstance(menu, list) else menu.values() if isinstance(menu, dict) else ()
    ):
        yield from targets(entry)


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_tree_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    inside = [link for link in links if link and "://" not in link]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_pages_exist(page: Path) -> None:
    wrong = [said for said in commands_in(page.read_text()) if not exists(said)]
    assert wrong == []


def commands_in(text: str) -> Iterator[str]:
    """Find what is typed: in fenced blocks at the start of a line, in prose between backquotes."""
    for _indent, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(r"^\s*(?:\$ )?(?:\w+=\S+ )*(?:\S*/)?day2( [^|#]*|$)", line)
            output = re.match(r"^\s*day2 \w+:", line)
            if found and not output:
                yield found[1].strip()
            elif not found:
                yield from re.findall(r"/bin/day2 ([^|#)]*[^|#)\s])", line)
        yield from (f"make {target}" for target in re.findall(r"^make (\S+)", block, re.MULTILINE))
    for said in re.findall(r"`day2((?: [^`]*)?)`", FENCE.sub("", text)):
        yield said.strip()


def exists(said: str) -> bool:
    if said.startswith("make "):
        makefile = (ROOT / "Makefile").read_text()
        target = said.removeprefix("make ").replace(".venv/.ready", "$(READY)")
        return re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE) is not None
    words = shlex.split(re.split(r" && |; | 2>", said, maxsplit=1)[0])
    while words and words[0] in {"--cloud", "--config"}:
        words = words[2:]
    if not words or words[0].isupper() or words[0] in {*OF_CLIFF, "--version", "--help"}:
        return True
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), None)
    if name is None:
        return False
    return all(w in options(name) for w in words if w.startswith("--"))


def test_no_page_names_this_machine_or_a_registry() -> None:
    private = re.compile(r"(?<![\w.])/(?:work|root|tmp|home/(?!ops\b))\b|/var/tmp/")
    address = re.compile(
        r"://[^\s)`]*(?:pypi|registr|mirror|proxy|nexus|artifactory)", re.IGNORECASE
    )
    found = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in [*PROSE, *(DOCS / "notes").iterdir()]
        for line in page.read_text().splitlines()
        if private.search(line) or address.search(line)
    ]
    assert found == []


def test_sessions_fit_a_terminal() -> None:
    wide = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in PROSE
        if page.parent != REFERENCE
        for _indent, block in FENCE.findall(page.read_text())
        for line in block.splitlines()
        if len(line) > 85
    ]
    assert wide == []


DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))


@pytest.mark.parametrize("record", DECISIONS, ids=lambda record: record.stem)
def test_a_decision_says_what_a_decision_must(record: Path) -> None:
    text = record.read_text()
    assert f"({record.name})" in (DOCS / "decisions" / "index.md").read_text()
    for part in ("Context", "Options", "Decision", "Consequences", "How we would notice"):
        assert re.search(rf"^## {part}", text, re.MULTILINE), part


# The example of "Add a check of your own" works.


def test_the_example_check_is_found_by_its_entry_point(tmp_path: Path) -> None:
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    (group, points) = next(iter(declared["entry-points"].items()))
    info = tmp_path / "acme_checks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {declared['name']}\nVersion: 1.0\n"
    )
    lines = [f"{name} = {target}\n" for name, target in points.items()]
    (info / "entry_points.txt").write_text(f"[{group}]\n{''.join(lines)}")
    done = run(
        sys.executable,
        "-m",
        "day2.cli.app",
        "health",
        "list",
        PYTHONPATH=os.pathsep.join([str(tmp_path), str(EXAMPLE)]),
        XDG_CACHE_HOME=str(tmp_path),
    )
    assert "acme.server.owner_missing" in done.stdout, done.stderr


def test_the_example_check_judges() -> None:
    space: dict[str, Any] = {}
    exec((EXAMPLE / "acme_checks.py").read_text(), space)  # noqa: S102 - our own example
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    servers = [
        Server(id="1", name="web01", status="ACTIVE", tags=["owner:ann"]),
        Server(id="2", name="web02", status="ACTIVE"),
        Server(id="3", name="web03", status="SHUTOFF"),
    ]
    survey = Survey(
        cloud="acme",
        region="",
        started_at=now,
        ended_at=now,
        tables=Tables(servers=servers),
        readings={"servers": Reading(rows=3, requests=1, seconds=0.1)},
    )
    (check,) = space["CHECKS"]
    found = check.run(Facts(survey=survey, policy=HealthPolicy(), now=now))
    assert [f.key for f in found] == ["acme.server.owner_missing:server:2"]
