# SPDX-License-Identifier: Apache-2.0
"""What proves that a host writes no more: its power, its storage client, its silence.

The programs are the operators' own (`ipmitool`, a Redfish script, `ceph osd blocklist ls`): the
settings hold their words, and this module replaces the host, bounds time and size, and reads what
they print. They read their own passwords; none goes through day2.
"""

import errno
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters import commands
from day2.adapters.reasons import one_line
from day2.errors import BadSettings, Unreachable

ANSWER_BYTES_MAX = 64 << 10
SHOWN_MAX = 120
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
PLACE = "{host}"
OFF, ON = r"(.*\W)?off", r"(.*\W)?on"
"""The whole state of a chassis has many such lines (`Power Restore Policy : always-off`)."""
# With these nobody is there: all others say that the question never got out of here.
_NOBODY = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})


class FencingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.fencing`: how the death of a host is proven before it is evacuated."""

    power_command: Annotated[
        list[str],
        Meta(
            description="The words of a program that tells a host's power, `{host}` replaced by "
            "its name: [bmc-power, status, '{host}']. It only looks, reads its passwords from its "
            "own files, and ends with 0. Empty: a person has to say that the host is off."
        ),
    ] = []
    power_off: Annotated[
        str,
        Meta(
            min_length=1,
            description="Regular expression of the line that says that the power is off; the "
            "whole line must fit, capitals and small letters are alike. As long as it is this one, "
            "no line may end with the word on.",
        ),
    ] = OFF
    blocklist_command: Annotated[
        list[str],
        Meta(
            description="The same for a program that tells whether the host's storage client is "
            "blocklisted (`ceph osd blocklist ls`): the other proof that it writes no more."
        ),
    ] = []
    blocklisted: Annotated[
        str,
        Meta(min_length=1, description="Regular expression of the line that says that it is."),
    ] = "blocklisted"
    management_port: Annotated[
        int, Meta(ge=1, le=65535, description="The port of the hosts that must not answer.")
    ] = 22
    down_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="service_down_time of nova.conf: for so long nothing was heard of "
            "nova-compute. A host that is forced down is watched as long.",
        ),
    ] = 60.0
    seconds_max: Annotated[
        float, Meta(gt=0, description="Seconds that a program or a connection may take.")
    ] = 20.0

    def __post_init__(self) -> None:
        for name in ("power_off", "blocklisted"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise ValueError(f"{name} is no regular expression: {error}") from None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a witness says: True it is so, False it is not, None it does not tell; and its words."""

    is_so: bool | None
    said: str


class Fence:
    """The witnesses of one cloud; nothing is changed by asking them."""

    def __init__(self, settings: FencingSettings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self._environment = environment

    def is_off(self, host: str) -> Told:
        """Ask the power program whether a host is off; never raises.

        Raises:
            BadSettings: when the name of the host cannot be a word of a command.

        """
        words, sign = self.settings.power_command, self.settings.power_off
        return self._told(host, words, sign, "power_command", against=ON if sign == OFF else "")

    def is_blocklisted(self, host: str) -> Told:
        """Ask whether a host's storage client is blocklisted; never raises.

        Raises:
            BadSettings: as `is_off`.

        """
        settings = self.settings
        words, sign = settings.blocklist_command, settings.blocklisted
        return self._told(host, words, sign, "blocklist_command")

    def is_silent(self, address: str, port: int) -> Told:
        """Try to connect to an address; None when it is not known or not reached from here.

        A refusal is an answer: whatever refuses is alive.
        """
        try:
            found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return Told(is_so=None, said=f"{address} is no address ({one_line(str(error))})")
        told = [_silent(where, family, self.settings.seconds_max) for family, *_, where in found]
        alive = next((one for one in told if one.is_so is False), None)
        unknown = next((one for one in told if one.is_so is None), None)
        return alive or unknown or told[0]

    def _told(
        self, host: str, words: Sequence[str], sign: str, setting: str, *, against: str = ""
    ) -> Told:
        require_name(host)
        if not words:
            return Told(is_so=None, said=f"no fencing.{setting} is set")
        argv = [word.replace(PLACE, host) for word in words]
        try:
            body = commands.run(
                argv,
                self._environment,
                what=f"{setting} of {host}",
                setting=f"clouds.NAME.fencing.{setting}",
                seconds=self.settings.seconds_max,
                bytes_max=ANSWER_BYTES_MAX,
            )
        except (BadSettings, Unreachable) as error:
            return Told(is_so=None, said=str(error))
        lines = [one_line(line) for line in body.decode(errors="replace").splitlines()]
        contrary = next((one for one in lines if against and _fits(against, one)), None)
        if contrary is not None:
            return Told(is_so=False, said=contrary[:SHOWN_MAX])
        fit = next((line for line in lines if _fits(sign, line)), None)
        if fit is not None:
            return Told(is_so=True, said=fit[:SHOWN_MAX])
        last = next((line for line in reversed(lines) if line), "")
        return Told(is_so=False if last else None, said=last[:SHOWN_MAX] or "it prints nothing")


def require_name(host: str) -> None:
    """See that a name may be a word of a command: it can be no option, path or address list.

    Raises:
        BadSettings: when it may not.

    """
    if not HOST.fullmatch(host):
        raise BadSettings(f"{one_line(host)!r} is no name of a host that goes into a command")


def _fits(sign: str, line: str) -> bool:
    return re.fullmatch(sign, line, re.IGNORECASE) is not None


def _silent(where: tuple[object, ...], family: int, seconds: float) -> Told:
    place = f"{where[0]} port {where[1]}"
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as link:
            link.settimeout(seconds)
            link.connect(where)
    except TimeoutError:
        return Told(is_so=True, said=f"{place} does not answer within {seconds:g} s")
    except ConnectionError as error:
        return Told(is_so=False, said=f"{place} answers ({one_line(str(error.strerror))})")
    except OSError as error:
        if error.errno in _NOBODY:
            return Told(is_so=True, said=f"{place}: {one_line(str(error.strerror))}")
        return Told(is_so=None, said=f"{place} cannot be asked ({one_line(str(error.strerror))})")
    return Told(is_so=False, said=f"{place} answers")
