# SPDX-License-Identifier: Apache-2.0
"""What may be run by name: the checks, ours and those of plug-ins."""

from typing import TYPE_CHECKING, Any

from day2.errors import BadUsage

if TYPE_CHECKING:
    from day2.operations.health.check import Check


def checks() -> tuple["Check", ...]:
    """Return every check: ours, then those that entry points of `day2.checks` add."""
    from stevedore import extension

    from day2.operations.health import rules

    added: Any = extension.ExtensionManager("day2.checks", on_load_failure_callback=_broken_check)
    return (*rules.all_checks(), *(check for found in added for check in found.plugin))


def prepare_judging() -> None:
    """Load what judging needs, while the first answers are still on their way."""
    from day2.operations.health import judge, noise

    del judge
    checks()
    noise.shipped()


def _broken_check(_manager: object, entry_point: object, error: BaseException) -> None:
    raise BadUsage(f"the check plug-in {entry_point} does not load: {error}") from error
