# SPDX-License-Identifier: Apache-2.0
"""The page of a pack of evidence is read in browsers: no name may make a link of it."""

import re
from datetime import UTC, datetime

from day2.model.evidence import Evidence, Section, State
from day2.model.problem import Suspect
from day2.model.severity import Severity
from day2.report.evidence_pack import members, page

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
HOSTILE = "![x](https://evil.example/x.png) [log in](https://evil.example) `a` \\[y](z) <img> a|b"


def test_hostile_names_make_neither_links_nor_pictures_nor_code() -> None:
    made = Evidence(
        cloud="c",
        region="r",
        at=NOW,
        since=NOW,
        scope="Compute plane.",
        severity=Severity.CRITICAL,
        suspects=[
            Suspect(
                id="x", title=HOSTILE, planes=["compute"], score=1, speaks_for=[HOSTILE], advice="a"
            )
        ],
        sections=[Section(name="logs", title="Logs", state=State.NOT_READ, why=[HOSTILE])],
    )
    said = [line for line in page(made).splitlines() if "evil" in line]
    assert len(said) == 3
    for line in said:
        # Whatever begins a link, a picture or code has an odd number of backslashes before it.
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]]", line.replace("(`x`)", ""))
        assert not re.search(
            r"(?<!\\)(?:\\\\)*`", line.replace("(`x`)", "").replace("(`logs`)", "")
        )
        assert "<img" not in line


def test_last_lines_of_names_that_are_one_file_name_lie_in_files_of_their_own() -> None:
    tails = [
        {"host": "ctl1", "container": name, "source": source, "lines": [f"of {name}, {source}"]}
        for name, source in [
            ("a/b", "/var/log/kolla/b/b.log"),
            ("a b", "/var/log/kolla/c/c.log"),
            ("a b", "/var/log/kolla/c/d.log"),
            ("A-B", "printed"),
            ("a-b", "printed"),
        ]
    ]
    made = Evidence(
        cloud="c",
        region="r",
        at=NOW,
        since=NOW,
        scope="Compute plane.",
        severity=Severity.CRITICAL,
        sections=[
            Section(
                name="containers",
                title="Containers",
                state=State.READ,
                content={"last_lines": tails},
            )
        ],
    )
    found = {
        name: text.decode()
        for name, text in members(made, lambda tree: tree).items()
        if name.startswith("last-lines/")
    }
    assert len({name.lower() for name in found}) == 5
    for tail in tails:
        said = f"# {tail['container']} on ctl1: {tail['source']}\n{tail['lines'][0]}\n"
        assert said in found.values()
