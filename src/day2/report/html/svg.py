# SPDX-License-Identifier: Apache-2.0
"""matplotlib's SVG, made to live inside a page: the page's colours, its own ids, and words for all.

Colours: plots are drawn in sentinels, one for each role, which become the page's CSS variables; so
one drawing serves light, dark and paper. Labels: names from the cloud never reach matplotlib, which
would take `$` for mathematics and complain of letters that its font lacks; they take the place of
tokens at the end, escaped.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROLES = (
    "critical",
    "unknown",
    "warning",
    "info",
    "accent",
    "muted",
    "track",
    "ink",
    "faint",
    "rule",
)
_TOKEN = re.compile(r"@@(\d+)@@")
_SENTINEL = re.compile(r"#c0ffe([0-9a])", re.IGNORECASE)
_ID = re.compile(r'\b(id="|(?:xlink:)?href="#|url\(#)')
_HEAD = re.compile(r"<svg\b[^>]*>", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_FONT = re.compile(r"font: ([\d.]+px) [^;\"]*")
_VIEWBOX = re.compile(r'viewBox="([\d. ]+)"')


def colour(role: str) -> str:
    """Return the sentinel of a role, for matplotlib."""
    return f"#c0ffe{ROLES.index(role):x}"


def token(number: int) -> str:
    """Return what stands for a label until the end."""
    return f"@@{number}@@"


def embed(
    figure: "Figure", name: str, *, title: str, description: str, labels: Sequence[str] = ()
) -> Markup:
    """Turn a figure into an `<svg>` element; `name` keeps its ids apart from other drawings'."""
    from matplotlib import rc_context  # noqa: PLC0415 - half a second

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "day2"}):
        file = io.StringIO()
        nothing: Mapping[str, None] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=dict(nothing))
    drawn = file.getvalue()
    drawn = _METADATA.sub("", drawn[drawn.index("<svg") :])
    box = _VIEWBOX.search(drawn)
    head = (
        f'<svg viewBox="{box[1] if box else "0 0 1 1"}" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    body = drawn[_HEAD.match(drawn).end() :]  # type: ignore[union-attr]
    body = _ID.sub(rf"\g<1>{name}-", body)
    body = _FONT.sub(r"font-size: \1", body)
    body = _SENTINEL.sub(lambda found: f"var(--plot-{ROLES[int(found[1], 16)]})", body)
    body = _TOKEN.sub(lambda found: str(escape(labels[int(found[1])])), body)
    return Markup(head + body)  # noqa: S704 - matplotlib's markup; every label was escaped above
