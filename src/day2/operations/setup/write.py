# SPDX-License-Identifier: Apache-2.0
"""Write a settings file for people: every setting with its description, what is unset as comment.

The file holds references to secrets only, is private from its first byte on, and never replaces
another one silently.
"""

import contextlib
import errno
import os
import re
import tempfile
import textwrap
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.errors import BadSettings
from day2.operations.setup.draft import Cloud, Section
from day2.settings import Schema, describe

WIDTH = 80
COPIES_MAX = 100
_PLAIN = re.compile(
    r"[A-Za-z_/][A-Za-z0-9_./~@+-]*(:[0-9]+)?$"
    r"|(https?://)?[0-9]{1,3}(\.[0-9]{1,3}){3}(:[0-9]+)?$"
    r"|https?://[A-Za-z0-9_.-]+(:[0-9]+)?$"
)
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def text(
    clouds: Sequence[Cloud], *, schema: Schema, useful: Mapping[str, Sequence[str]], head: str
) -> str:
    """Render the settings file.

    `useful` names settings of shared sections that are worth showing as comments.
    """
    page = _Page()
    page.comment(head, 0)
    page.line("")
    if len(clouds) > 1:
        page.comment(_description(schema[""], "default_cloud"), 0)
        page.line(f"default_cloud: {scalar(clouds[0].name)}")
        page.line("")
    page.line("clouds:")
    for number, cloud in enumerate(clouds):
        if number:
            page.line("")
        page.line(f"  {scalar(cloud.name)}:")
        if cloud.note:
            page.comment(cloud.note, 4)
        kind = schema["clouds.*"]
        page.comment(_description(kind, "access"), 4)
        page.line("    access: observe")
        for path, section_kind in schema.items():
            name = path.removeprefix("clouds.*.")
            if name == path or name in schema:
                continue  # at the top, or a shared section that one cloud may override
            page.line("")
            _section(page, name, section_kind, cloud.sections.get(name))
    page.line("")
    page.comment(
        "Everything else has a default that fits most clouds; see them all with their values: "
        "day2 config show. Shared sections hold for every cloud here, and for one cloud below "
        "clouds.NAME.",
        0,
    )
    for name, fields in useful.items():
        if name not in schema:
            continue
        page.line(f"# {name}:")
        for field in fields:
            page.comment(_description(schema[name], field), 0, inner="  # ")
            page.line(f"#   {field}: {_flow(_default(schema[name], field))}")
    return "\n".join(page.lines) + "\n"


def save(path: Path, content: str, *, force: bool, now: datetime) -> Path | None:
    """Write the file: private, whole or not at all. Returns where the old one was kept, if any.

    Raises:
        BadSettings: when there is a file already and `force` is off, when the path is no plain
            file, or the folder cannot be written.

    """
    if path.is_symlink():
        raise BadSettings(
            f"{path} is a symbolic link", hint=f"name the file itself: --output {path.resolve()}"
        )
    if path.exists() and not path.is_file():
        raise BadSettings(f"{path} is not a plain file")
    if path.exists() and not force:
        raise BadSettings(
            f"{path} exists and was not touched",
            hint="replace it, keeping a copy beside it: day2 init --force",
        )
    kept: Path | None = None
    if path.parent.exists() and not path.parent.is_dir():
        raise BadSettings(f"{path.parent} is not a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = _written(path, content)
        try:
            if path.exists():
                kept = _copied(path, now)
                temporary.replace(path)
            else:
                # Unlike a rename, a link never replaces what appeared in the meantime.
                os.link(temporary, path)
                temporary.unlink()
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except FileExistsError:
        raise BadSettings(f"{path} appeared while it was being written") from None
    except OSError as error:
        raise BadSettings(
            f"cannot write {path}: {error.strerror}", hint="name another file: --output FILE"
        ) from None
    return kept


def scalar(value: Any) -> str:  # noqa: ANN401 - a leaf of YAML
    """Write one value so that YAML reads the same value back."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return str(value)
    written = str(value)
    if _PLAIN.match(written) and written.lower() not in _WORDS:
        return written
    return msgspec.json.encode(written).decode()


class _Page:
    """Lines; a section that is off is one comment."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.off = False

    def line(self, written: str) -> None:
        if not self.off or not written:
            self.lines.append(written)
            return
        indent = len(written) - len(written.lstrip())
        keep = min(indent, 4)
        self.lines.append(f"{written[:keep]}# {written[keep:]}")

    def comment(self, words: str, indent: int, *, inner: str = "") -> None:
        start = " " * indent + "# " + inner
        for paragraph in words.split("\n"):
            clean = "".join(c if c.isprintable() else "?" for c in paragraph)
            wrapped = textwrap.wrap(
                clean,
                WIDTH,
                initial_indent=start,
                subsequent_indent=start,
                break_long_words=False,
                break_on_hyphens=False,
            )
            self.lines += wrapped or [start.rstrip()]


def _section(page: _Page, name: str, kind: type[msgspec.Struct], section: Section | None) -> None:
    given = section or Section(active=False)
    page.off = not given.active
    if given.note:
        page.comment(given.note.strip(), 4)
    page.line(f"    {name}:")
    # A section as a comment needs the comment sign first, and then the inner indent.
    indent, inner = (4, "  # ") if page.off else (6, "")
    for info in msgspec.structs.fields(kind):
        field = info.encode_name
        known = _description(kind, field)
        note = given.notes.get(field, "")
        page.comment(" ".join(filter(None, (known, note))), indent, inner=inner)
        if field in given.values:
            _value(page, field, given.values[field])
        elif page.off:
            page.line(f"      {field}: {_flow(_default(kind, field))}")
        else:
            page.line(f"      # {field}: {_flow(_default(kind, field))}")
    page.off = False


def _value(page: _Page, field: str, value: Any) -> None:  # noqa: ANN401 - a leaf of YAML
    if isinstance(value, list):
        page.line(f"      {field}:")
        for one in value:
            page.line(f"        - {_flow(one)}")
        return
    page.line(f"      {field}: {_flow(value)}")


def _flow(value: Any) -> str:  # noqa: ANN401 - a leaf of YAML
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    return scalar(value)


def _default(kind: type[msgspec.Struct], name: str) -> Any:  # noqa: ANN401 - a leaf of YAML
    """Return a setting's default; an example of its form where it has none."""
    info = next(i for i in msgspec.structs.fields(kind) if i.encode_name == name)
    if info.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(info.default_factory())
    if info.default is not msgspec.NODEFAULT and info.default is not None:
        return msgspec.to_builtins(info.default)
    hint = str(info.type)
    if "SecretRef" in hint:
        return {"file": "/path/to/a/file"}
    return [] if "list" in hint else ""


def _description(kind: type[msgspec.Struct], name: str) -> str:
    hints = typing.get_type_hints(kind, include_extras=True)
    info = next(i for i in msgspec.structs.fields(kind) if i.encode_name == name)
    return describe(hints[info.name])


def _copied(path: Path, now: datetime) -> Path:
    """Keep the old file under a second name that was free."""
    stem = f"{path.name}.{now:%Y%m%dT%H%M%SZ}"
    for name in (stem, *(f"{stem}-{number}" for number in range(2, COPIES_MAX))):
        with contextlib.suppress(FileExistsError):
            os.link(path, path.with_name(name))
            return path.with_name(name)
    raise OSError(errno.EEXIST, "too many copies of this second", str(path))


def _written(path: Path, content: str) -> Path:
    """Write a private file beside the final one, and make sure it is on the disk."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
