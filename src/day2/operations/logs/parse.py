# SPDX-License-Identifier: Apache-2.0
"""Read one event as its service wrote it: level, module, request, words, exception and place."""

import re

import msgspec

from day2.operations.logs import formats
from day2.operations.logs.formats import CONTINUED, Head

FRAME = re.compile(r'^\s+File "([^"]+)", line \d+, in (.+)$')
RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?::(?: (.*))?)?$")
TRACEBACK = "Traceback (most recent call last)"
CHAINED = ("During handling of the above", "The above exception was")
# Some services log the way to a place without an exception, right behind their words.
STACK = re.compile(r'\s+File "')
# How Erlang begins to tell of a process that died: who it was and why come in lines of their own.
CRASHER = "crasher:"
TOLD = ("initial call:", "exception ")
PIECES = ("  ", 'File "', "^^", "~~", *CHAINED)
INSTALLED = re.compile(r"^.*/(?:site-packages|dist-packages|lib/python3\.\d+|src)/")
REMOTE = re.compile(r"Remote error: (\w+)")
ROTATED = re.compile(r"(?:[.-]\d{1,8}|\.gz|\.log|\.err|\.out|_latest)$")
APACHE_FILE = re.compile(r"-apache.*$|[-_](?:wsgi|uwsgi)?[-_]?(?:error|admin-error|public-error)$")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One error.

    `exception` is the class that was raised last, `place` the deepest frame of the service's own
    code as `file:function`; both empty without a traceback. `fragment` tells that a piece of a
    traceback came without its beginning and end.
    """

    level: str
    module: str = ""
    request_id: str = ""
    message: str = ""
    exception: str = ""
    said: str = ""
    place: str = ""
    fragment: bool = False


def event(text: str, service: str) -> Event:
    """Read one event."""
    first, *rest = text.split("\n")
    head = formats.head(first)
    if head.message.strip() == CRASHER:
        head = msgspec.structs.replace(head, message=_crash(rest))
    body = [CONTINUED.sub("", line, count=1) for line in rest]
    # A traceback that nothing introduced begins with the first line itself.
    lines = [head.message, *body] if _begins(head.message) else body
    exception, said, place = _raised(lines, head, service)
    traced = any(_begins(line) for line in lines)
    return Event(
        level=head.level,
        module=head.module,
        request_id=head.request_id,
        message="" if _begins(head.message) else STACK.split(head.message, 1)[0].strip(),
        exception=exception,
        said=said,
        place=place,
        fragment=_is_fragment(head, traced=traced, exception=exception),
    )


def _crash(rest: list[str]) -> str:
    said = (formats.head(line).message.strip() for line in rest)
    return "; ".join([CRASHER.rstrip(":"), *(line for line in said if line.startswith(TOLD))])


def service_of(file: str) -> str:
    """Name the service that wrote a file or ran in a container: `nova-compute`."""
    if "/" not in file:
        return re.sub(r"_", "-", file)
    folder, _slash, name = file.rpartition("/")
    while True:
        shorter = ROTATED.sub("", name)
        if shorter == name or not shorter:
            break
        name = shorter
    name = APACHE_FILE.sub("", name) or folder.rpartition("/")[2]
    return "rabbitmq" if name.startswith("rabbit@") or "@" in name else name.replace("_", "-")


def _begins(line: str) -> bool:
    return line.startswith(TRACEBACK)


def _is_fragment(head: Head, *, traced: bool, exception: str) -> bool:
    piece = traced or head.message.startswith(PIECES) or not head.message.strip()
    return piece and not exception


def _raised(lines: list[str], head: Head, service: str) -> tuple[str, str, str]:
    """Find the exception raised last, what it said, and where it came from."""
    frames: list[tuple[str, str]] = []
    found = ("", "", "")
    waiting = False
    for line in lines:
        frame = FRAME.match(line)
        if _begins(line):
            frames, waiting = [], True
        elif frame:
            frames.append((INSTALLED.sub("", frame[1]), frame[2]))
            waiting = True
        elif waiting and line and not line[0].isspace() and not line.startswith(CHAINED):
            raised = RAISED.match(line)
            if raised:
                found = raised[1], (raised[2] or "").strip(), _place(frames, head, service)
                waiting = False
    return found


def _place(frames: list[tuple[str, str]], head: Head, service: str) -> str:
    if not frames:
        return ""
    own = {head.module.partition(".")[0], service.partition("-")[0]} - {""}
    mine = [frame for frame in frames if frame[0].partition("/")[0] in own]
    file, function = (mine or frames)[-1]
    return f"{file}:{function}"


def identity(found: Event) -> str:
    """Say what makes a traceback the same as another, whatever its values; empty without one."""
    if not found.exception:
        return ""
    inner = REMOTE.search(found.said)
    name = found.exception.rpartition(".")[2]
    return f"{name}({inner[1]})" if inner else name
