# SPDX-License-Identifier: Apache-2.0
"""One page of a table, as the services cut them: after a marker, at most so many rows."""

import itertools
from collections.abc import Callable, Iterator

from day2.sandbox import http
from day2.sandbox.http import Refused, Request
from day2.sandbox.tables import Row, Table


def limit_of(request: Request, most: int | None) -> int | None:
    """Return how many rows to give: what was asked for, at most `most`; None is all.

    Raises:
        Refused: when the limit is not a number, or negative.

    """
    asked = request.first("limit")
    if not asked:
        return most
    if not asked.isdigit():
        raise Refused(http.BAD_REQUEST, f"limit [{asked[:20]}] must be an integer and positive")
    wanted = int(asked)
    if most is not None and (wanted > most or wanted == 0):
        return most
    return wanted


def page(
    table: Table,
    request: Request,
    keep: Callable[[Row], bool],
    *,
    most: int | None,
    unknown: Callable[[str], Refused],
    zero_is_all: bool = False,
) -> tuple[list[Row], bool]:
    """Return the rows of one page that pass `keep`, and whether it was filled.

    `unknown` makes the refusal of a marker that is not there. Services offer a next page whenever
    a page is full, without looking whether it is empty: so do we.
    """
    limit = limit_of(request, most)
    if limit == 0 and zero_is_all:
        limit = None
    marker = request.first("marker") or None
    try:
        rows: Iterator[Row] = table.after(marker)
    except KeyError:
        raise unknown(marker or "") from None
    kept = (row for row in rows if keep(row))
    if limit is None:
        return list(kept), False
    found = list(itertools.islice(kept, limit))
    return found, len(found) == limit and bool(found)


def next_query(request: Request, last: Row) -> list[tuple[str, str]]:
    """Return the query of the next page: the same, behind the last row of this one."""
    kept = [(key, value) for key, value in request.query if key != "marker"]
    return [*kept, ("marker", str(last["id"]))]


def links(request: Request, path: str, rows: list[Row], *, full: bool) -> list[dict[str, str]]:
    """Return the links of a page as Nova, Cinder and Neutron write them; none at the end."""
    if not full or not rows:
        return []
    return [{"rel": "next", "href": request.url(path, next_query(request, rows[-1]))}]
