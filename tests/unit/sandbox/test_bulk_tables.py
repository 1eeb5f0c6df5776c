# SPDX-License-Identifier: Apache-2.0
"""Tables of dicts: what is found by an index is what a search would find, whatever happened."""

import random
from typing import Any

from day2.sandbox.tables import Rows


def test_an_index_follows_every_change() -> None:
    chance = random.Random(7)  # noqa: S311 - the same changes each time
    rows = Rows()
    plain: dict[str, dict[str, Any]] = {}
    assert not list(rows.find(host="h1", tag=["x"]))
    for _step in range(2000):
        key = str(chance.randrange(60))
        match chance.randrange(4):
            case 0:
                rows.delete(key)
                plain.pop(key, None)
            case 1 if key in plain:
                host = f"h{chance.randrange(5)}"
                rows.change(key, host=host)
                plain[key] = {**plain[key], "host": host}
            case _:
                tag = chance.choice([None, ["x"], ["y"], "x"])
                row = {"id": key, "host": f"h{chance.randrange(5)}", "tag": tag}
                rows.put(row)
                plain[key] = row
        for wanted in ({"host": "h1"}, {"host": "h2", "tag": ["x"]}, {"tag": None}, {"tag": "x"}):
            expected = {
                row["id"] for row in plain.values() if all(row[k] == v for k, v in wanted.items())
            }
            assert {row["id"] for row in rows.find(**wanted)} == expected
    assert {row["id"] for row in rows.find()} == set(plain)


def test_a_row_may_be_deleted_while_others_are_found() -> None:
    rows = Rows()
    for number in range(6):
        rows.put({"id": str(number), "host": "h"})
    seen = []
    for row in rows.find(host="h"):
        seen.append(row["id"])
        rows.delete(row["id"])
        rows.delete(str(int(row["id"]) + 1))
    assert seen == ["0", "2", "4"]
    assert not len(rows)


def test_changes_are_counted_and_reading_is_none() -> None:
    rows = Rows()
    rows.put({"id": "a"})
    rows.change("a", x=1)
    rows.delete("b")
    list(rows.find(x=1))
    assert rows.changes == 2
    rows.delete("a")
    assert rows.changes == 3
