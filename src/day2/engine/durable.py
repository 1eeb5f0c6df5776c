# SPDX-License-Identifier: Apache-2.0
"""DBOS behind few calls: the only file that knows which library makes steps durable.

What was measured of it, and the rules that follow, are in the decision record 0005. In short: a
step is at least once; a recorded exception comes back as another class, so none is ever recorded;
recovery at launch revives everything that the same executor left, so that every launch is another
executor and revives nothing by itself.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, WorkflowHandle, WorkflowStatus

# The format of recorded runs. A database of each released format is kept as a test: old runs are
# replayed by new code, and a change of the calls of a workflow stands behind a number of its own.
FORMAT = "day2-runs-1"
ATTEMPTS_MAX = 1_000_000
BROKEN_OFF = 1
"""The exit code of an engine that cannot go on; its runs are carried on by another."""
RUN, PART = "day2.run", "day2.part"
PENDING = ["PENDING", "ENQUEUED"]


class Json(Serializer):
    """Writes what steps return as JSON: readable, and nothing that is read back can run."""

    def serialize(self, data: Any) -> str:  # noqa: ANN401 - the library's own signature
        """Write it; exceptions of the library itself are written as what they say."""
        return json.dumps(data, default=_said, separators=(",", ":"))

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: ANN401, N805 - as the library has it
        """Read it back."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """Name the format in the rows."""
        return "day2_json"


class Body(Protocol):
    """What the engine does in a workflow: the whole of a run, or one chain of one stage."""

    def whole(self, run: str) -> dict[str, Any]:
        """Do the run with this id, from its beginning or from where its records end."""

    def part(self, run: str, stage: int, chain: str) -> list[dict[str, Any]]:
        """Do one chain."""


class Durable:
    """The durable side of one engine process; there is one at a time."""

    def __init__(self, database: Any, *, executor: str, body: Body) -> None:  # noqa: ANN401
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config = DBOSConfig(
            name="day2",
            system_database_url=database.url.render_as_string(hide_password=False),
            system_database_engine=database,
            application_version=FORMAT,
            executor_id=executor,
            serializer=Json(),
            log_level="WARNING",
            console_log_level="WARNING",
            enable_otlp=False,
        )
        self._executor = executor
        self._begun: set[str] = set()
        DBOS(config=config)
        decorated = DBOS.workflow(name=RUN, max_recovery_attempts=ATTEMPTS_MAX)
        self._whole: Callable[[str], Any] = decorated(self._function(body.whole))
        decorated = DBOS.workflow(name=PART, max_recovery_attempts=ATTEMPTS_MAX)
        self._part: Callable[[str, int, str], Any] = decorated(self._function(body.part))

    def launch(self) -> None:
        """Open the database, and bring its tables to what the library wants."""
        DBOS.launch()

    def start(self, run: str) -> None:
        """Begin a run, or carry it on with every chain of it that had begun."""
        own = _pending(run)
        # What is ours already, or on the queue that we take from, must not be put there again: it
        # would run twice at the same time.
        left = [w for w in own if w.status == "PENDING" and w.executor_id != self._executor]
        if left:
            DBOS.resume_workflows([w.workflow_id for w in left])
        if own:
            return
        with SetWorkflowID(run):
            DBOS.start_workflow(self._whole, run)

    def begin_part(self, run: str, stage: int, chain: str) -> WorkflowHandle[Any]:
        """Begin a chain within the workflow of its run; on replay, find it again."""
        with SetWorkflowID(f"{run}/{stage}/{chain}"):
            return DBOS.start_workflow(self._part, run, stage, chain)

    def result(self, part: WorkflowHandle[Any]) -> list[dict[str, Any]]:
        """Wait for a chain; what it returned is recorded in the workflow of its run."""
        found: list[dict[str, Any]] = part.get_result(polling_interval_sec=0.1)
        return found

    def step(self, name: str, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
        """Run a function once and record what it returns, or return what was recorded.

        What an action raises is data before it comes here. Whatever is raised still is the memory
        that cannot be written, or a bug: it must not be recorded as the end of this step, so the
        process ends as if it were killed, and nothing is lost.
        """
        return DBOS.run_step({"name": name}, lambda: _or_break_off(function))

    def begins(self, run: str) -> bool:
        """Tell whether something of a run is still to be begun by this process.

        What is carried on goes over the library's queue, which is looked at now and then, and more
        seldom the busier the database is.
        """
        return any(w.workflow_id not in self._begun for w in _pending(run))

    def _function(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Hide that it is a method: the library would look for its object in the database."""

        def call(*args: Any) -> Any:  # noqa: ANN401
            self._begun.add("/".join(map(str, args)))
            return _or_break_off(lambda: method(*args))

        return call

    def close(self) -> None:
        """Stop the library's threads; what runs is not waited for."""
        DBOS.destroy(destroy_registry=True)


def _pending(run: str) -> list[WorkflowStatus]:
    """List what has not ended of a run: the whole of it, and its chains."""
    known = DBOS.list_workflows(
        workflow_id_prefix=run, status=PENDING, load_input=False, load_output=False
    )
    return [w for w in known if w.workflow_id == run or w.workflow_id.startswith(f"{run}/")]


def _or_break_off(function: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return what a function returns; end the process when it raises what nobody expected.

    The library's own exceptions steer its workflows, and pass.
    """
    try:
        return function()
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "dbos":
            raise
        traceback.print_exc()
        sys.stderr.write(f"day2: the engine breaks off: {error}\n")
        sys.stderr.flush()
        os._exit(BROKEN_OFF)


def _said(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, BaseException):
        return {"exception": type(value).__name__, "said": str(value)}
    raise TypeError(f"{type(value).__name__} is not JSON: steps return what msgspec made of it")
