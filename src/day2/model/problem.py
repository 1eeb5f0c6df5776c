# SPDX-License-Identifier: Apache-2.0
"""Known problems: what each leaves behind, what it is, what cures it; and those found."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from day2.model.finding import Subject

Plane = Literal[
    "identity",
    "compute",
    "network",
    "volume",
    "image",
    "orchestration",
    "balancing",
    "bus",
    "database",
    "hosts",
    "monitoring",
]
Weight = Annotated[int, Meta(ge=1, le=100)]


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a problem leaves behind; exactly one of the first five is given.

    `finding` is a shell pattern for the name of a check, narrowed by `subject` (a pattern for the
    id, the name, or the host of what it is about), `words` (a regular expression over summary and
    why), and `where` (patterns for values of its evidence). `log` is a regular expression over the
    lines of services like `service`; lines below ERROR are read only when `mark`, a literal piece
    of them, is given. `text` is a regular expression over what OpenStack itself keeps as the reason
    of a failure, of subjects of type `of`. `cause` is the code of a cause that the story of one
    subject named. `gap` is a pattern for the table that could not be read, because of `error`.
    """

    finding: str = ""
    log: str = ""
    text: str = ""
    cause: str = ""
    gap: str = ""
    subject: str = "*"
    words: str = ""
    where: dict[str, str] = {}
    service: str = "*"
    mark: str = ""
    of: str = "*"
    error: str = "*"
    weight: Weight | None = None

    @property
    def kind(self) -> str:
        """Which of the five it is; empty when it is none or several."""
        given = [k for k in ("finding", "log", "text", "cause", "gap") if getattr(self, k)]
        return given[0] if len(given) == 1 else ""


class KnownProblem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One distinct cause, with the signs by which it is told from others.

    It is suspected when all of `needs` and at least one of `signs` (where there are any) are there;
    `against` takes weight away. `explains` names problems that are its consequences. `prior` is
    added to its weight: how much likelier it is than others with the same signs. `proof` tells
    where its signs were seen: on a real cloud by a test that plants the cause, on one by hand, or
    in a recorded answer or log. `releases` is empty when all are affected.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: str
    planes: Annotated[list[Plane], Meta(min_length=1)]
    symptom: str
    advice: str
    signs: list[Sign] = []
    needs: list[Sign] = []
    against: list[Sign] = []
    explains: list[str] = []
    prior: Annotated[int, Meta(ge=-50, le=50)] = 0
    plan: str = ""
    evidence: list[str] = []
    references: list[str] = []
    releases: str = ""
    proof: Literal["real", "recorded", "own"] = "own"


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """One known problem that the cloud shows signs of, likeliest first in a list.

    `score` orders them and is no probability. `explained_by` names the suspects of which it is a
    consequence: those come before it.
    """

    id: str
    title: str
    planes: list[Plane]
    score: int
    speaks_for: list[str] = []
    speaks_against: list[str] = []
    subjects: list[Subject] = []
    explained_by: list[str] = []
    advice: str = ""
    plan: str = ""
    evidence: list[str] = []
    references: list[str] = []
