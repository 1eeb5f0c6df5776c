# SPDX-License-Identifier: Apache-2.0
"""Lists are opened in spreadsheets, and tenants choose the names in them."""

import argparse
import csv
import io

import pytest

from day2.cli.app import App
from day2.cli.document import Document, Produced

NAMES = [
    '=HYPERLINK("https://evil.example","web")',
    "@SUM(A1)",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd",
    "＝1+1",  # noqa: RUF001
]
PLAIN = ["web-01", "-5", "+1.5", "-3%", "-", "", "'=1", "a=b"]


class Names(Document):
    """One column of names."""

    def produce(self, parsed: argparse.Namespace) -> Produced:
        del parsed
        rows = [(name, -1) for name in (*NAMES, *PLAIN)]
        return Produced(document={}, text="", columns=["name", "count"], rows=rows)


@pytest.mark.parametrize("form", ["csv", "value"])
def test_no_name_is_a_formula_of_a_spreadsheet(form: str) -> None:
    app = App()
    app.stdout = io.StringIO()
    made = Names(app, None)
    assert made.run(made.get_parser("names").parse_args(["-f", form])) == 0
    if form == "value":
        assert [line.rpartition(" ")[0] for line in app.stdout.getvalue().splitlines()] == [
            *NAMES,
            *PLAIN,
        ]
        return
    _head, *rows = csv.reader(io.StringIO(app.stdout.getvalue()))
    assert [row[0] for row in rows] == [*(f"'{name}" for name in NAMES), *PLAIN]
    assert {row[1] for row in rows} == {"-1"}
