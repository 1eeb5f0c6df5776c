# SPDX-License-Identifier: Apache-2.0
"""The house keeps its own rules."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from day2 import errors
from day2.cli.document import EXIT_CODES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = PROJECT["entry-points"]["day2.cli"]
HEAVY = ("sqlalchemy", "alembic", "httpx", "openstack", "ansible_runner", "cryptography", "dbos")
FORBIDDEN_NAMES = {"utils", "common", "helpers", "core", "base", "misc", "manager"}
MOCKS = ("unittest.mock", "MagicMock", "monkeypatch.setattr", "mocker.")


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_no_module_is_a_drawer() -> None:
    names = {f.stem for f in python_files("src")} | {d.name for d in (ROOT / "src").rglob("*/")}
    assert not names & FORBIDDEN_NAMES


def test_no_mocks_in_tests() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {word}"
        for file in python_files("tests")
        for word in MOCKS
        if word in file.read_text() and file != Path(__file__)
    ]
    assert found == []


def test_every_error_has_a_documented_exit_code() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    assert {c.exit_code for c in classes if issubclass(c, errors.Day2Error)} <= set(EXIT_CODES)


def test_the_error_tree_in_the_docstring_is_complete() -> None:
    drawn = errors.__doc__ or ""
    classes = [n for n, c in vars(errors).items() if isinstance(c, type)]
    assert [name for name in classes if name not in drawn] == []


@pytest.mark.parametrize("target", sorted(COMMANDS.values()))
def test_command_modules_import_nothing_heavy(target: str) -> None:
    module = target.partition(":")[0]
    program = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_every_file_says_its_licence() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for folder in ("src", "tests", "lab", "bench")
        for file in python_files(folder)
        if file.stat().st_size
        and "SPDX-License-Identifier: Apache-2.0" not in file.read_text()[:200]
    ]
    assert silent == []


def test_no_module_is_larger_than_a_room() -> None:
    lines = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in python_files("src")}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_entry_points_name_what_exists() -> None:
    for group in PROJECT["entry-points"].values():
        for target in group.values():
            module, _colon, name = target.partition(":")
            if not module.startswith("day2"):
                continue
            tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text())
            assert name in {n.name for n in tree.body if isinstance(n, ast.ClassDef)}


def test_locks_carry_no_address() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in file.read_text()
