# SPDX-License-Identifier: Apache-2.0
"""What a pack of evidence holds: a page for a colleague, the document, a file for each section."""

import itertools
import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

import msgspec

from day2.model.evidence import Evidence, Section
from day2.report import evidence as texts
from day2.report.terminal import plain

DOCUMENT, PAGE = "evidence.json", "README.md"
Clean = Callable[[Any], Any]
_MARKED = re.compile(r"([\\`\[\]|])")


def members(made: Evidence, clean: Clean) -> dict[str, bytes]:
    """Return the files of a pack by name; every text in them goes through `clean`."""
    tree = clean(msgspec.to_builtins(made))
    cleaned = msgspec.convert(tree, Evidence)
    found = {PAGE: page(cleaned).encode()}
    outline = {**tree, "sections": [_outline(one) for one in tree["sections"]]}
    found[DOCUMENT] = _json({"schema": "day2.evidence/1", **outline})
    for number, section in enumerate(cleaned.sections, start=1):
        name = f"sections/{number:02}-{section.name}"
        found[f"{name}.json"] = _json(tree["sections"][number - 1])
        found[f"{name}.txt"] = _text(section).encode()
        for tail in section.content.get("last_lines", []):
            where = f"{plain_name(tail['host'])}/{plain_name(tail['container'])}"
            whose = f"{plain(tail['container'])} on {plain(tail['host'])}"
            source = "printed" if tail["source"] == "printed" else "log"
            lines = [
                f"# {whose}: {plain(tail['source'])}",
                *(plain(line) for line in tail["lines"]),
            ]
            name = _free(f"last-lines/{where}.{source}", found)
            found[name] = ("\n".join(lines) + "\n").encode()
    return found


def evidence_of(found: dict[str, bytes]) -> Evidence:
    """Read the evidence of a pack's files back.

    Raises:
        KeyError, msgspec.MsgspecError: when they are not those of a pack.

    """
    tree = msgspec.json.decode(found[DOCUMENT])
    names = sorted(n for n in found if n.startswith("sections/") and n.endswith(".json"))
    tree["sections"] = [msgspec.json.decode(found[name]) for name in names]
    return msgspec.convert(tree, Evidence)


def plain_name(text: str) -> str:
    """Return a name that is a file's name everywhere."""
    return re.sub(r"[^A-Za-z0-9_.@-]+", "-", text).strip(".-")[:80] or "unnamed"


def _free(stem: str, found: dict[str, bytes]) -> str:
    """Return the name of a file that is not there yet: two names may differ in odd letters only."""
    taken = {name.lower() for name in found}
    names = (f"{stem}{'' if n == 1 else f'.{n}'}.txt" for n in itertools.count(1))
    return next(name for name in names if name.lower() not in taken)


def page(made: Evidence) -> str:
    """Write the page for a colleague: the scope first, the causes, what was not read."""
    lines = [
        made.scope,
        "",
        f"# Evidence of {plain(made.cloud)}",
        "",
        *_collected(made),
        "",
        "## Probable causes, likeliest first",
        "",
    ]
    for number, one in enumerate(made.suspects, start=1):
        lines.append(f"{number}. **{_md(one.title)}** (`{_md(one.id)}`)")
        lines += [f"    - for: {_md(line)}" for line in one.speaks_for]
        lines += [f"    - against: {_md(line)}" for line in one.speaks_against]
        if one.advice:
            lines.append(f"    - do: {_md(one.advice)}")
        lines += [f"    - see: {_md(line)}" for line in one.references]
    if not made.suspects:
        lines.append("None: nothing that was read is at warning or worse.")
    lines += [
        "",
        "## Sections",
        "",
        "| section | state | why not, or since when |",
        "|---|---|---|",
    ]
    for section in made.sections:
        state = section.state.value if section.configured else "not set"
        known = f" (last known {section.known_at:%Y-%m-%d %H:%M})" if section.known_at else ""
        why = _md("; ".join(section.why[:3]))
        lines.append(f"| {section.title} (`{section.name}`) | {state} | {why}{known} |")
    lines += [
        "",
        "*Not read* is never *not there*: what could not be read may be ill or well.",
        "What was last known comes from the newest round that day2 keeps, with its date.",
        "",
        "## What lies here",
        "",
        "- `evidence.json`: the document without the sections' content",
        "- `sections/NN-NAME.txt` for people, `sections/NN-NAME.json` the same as data",
        "- `last-lines/HOST/CONTAINER.*.txt`: the end of the logs of what is not well, or new",
        "- `MANIFEST.json`: the SHA-256 of each file; `day2 evidence show FILE` compares them",
        "",
    ]
    return "\n".join(lines)


def _collected(made: Evidence) -> list[str]:
    at, since = made.at.astimezone(UTC), made.since.astimezone(UTC)
    by = f"by day2 {made.version}, looking back to {since:%Y-%m-%d %H:%M} UTC"
    return [
        f"Collected {at:%Y-%m-%d %H:%M:%S} UTC {by}.",
        "Nothing was changed. Secrets are masked by `***`.",
    ]


def _md(text: str) -> str:
    """Write it so that Markdown makes neither links nor pictures, code nor cells of it."""
    return _MARKED.sub(r"\\\1", plain(" ".join(text.split()))).replace("<", "&lt;")


def _outline(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in {"content", "lines"}}


def _text(section: Section) -> str:
    return texts.section(section)


def _json(tree: Any) -> bytes:  # noqa: ANN401 - whatever becomes JSON
    return msgspec.json.format(msgspec.json.encode(tree, order="deterministic"), indent=1) + b"\n"
