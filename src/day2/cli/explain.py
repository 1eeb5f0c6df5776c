# SPDX-License-Identifier: Apache-2.0
"""`day2 explain`: the whole story of one subject, and why it is as it is."""

import argparse

from day2.cli.document import Document, Produced, envelope
from day2.cli.progress import Progress
from day2.operations.explain.asked import TYPES


class Explain(Document):
    """Tell the story of one thing: its state, what led there, each possible cause and what to do.

    A server, port, floating IP, volume, image, load balancer or host is named by its id, its whole
    name, or its address; `req-...` is followed through all logs; several words are an error text,
    held against the known problems. For a server that found no place, every host is judged with
    Placement's own arithmetic and Nova's filters. Nothing is changed.
    """

    codes = (0, 2, 12, 20, 21)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        parser.add_argument(
            "subject", help="an id, a whole name, an address, a request id, or a quoted error text"
        )
        parser.add_argument(
            "--type",
            choices=[word.replace("_", "-") for word in TYPES],
            help="what it is, where its name is not enough",
        )
        parser.add_argument(
            "--logs",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="follow its requests through the logs of all hosts; without a word: when logs are "
            "configured and something of it failed",
        )
        parser.add_argument("--all", action="store_true", help="every host and every event")

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Tell it."""
        from day2.report import explanation as texts
        from day2.wiring import explain

        site = self.site(parsed)
        with Progress("reading") as progress:
            found = explain.explain(
                site,
                parsed.subject,
                kind=(parsed.type or "").replace("-", "_"),
                logs=parsed.logs,
                progress=progress,
            )
        return Produced(
            document=envelope(
                "explanation", cloud=site.cloud, at=site.clock.now(), explanation=found
            ),
            text=texts.render(found, colour=self.colour, everything=parsed.all),
            columns=["code", "cause", "advice"],
            rows=[(cause.code, cause.text, cause.advice) for cause in found.causes],
            exit_code=12 if found.gaps else 0,
        )
