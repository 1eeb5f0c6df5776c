# SPDX-License-Identifier: Apache-2.0
"""What a measurement must keep, and whether it does: one line each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bound:
    """What a ratio or a time must keep."""

    what: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Tell whether it does."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.met else "MISSED"
        return (
            f"{self.what:<52} {self.measured:>8.2f}{self.unit} {sign} {self.limit:g}{self.unit}"
            f"  {verdict}"
        )
