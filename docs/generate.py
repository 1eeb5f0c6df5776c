# SPDX-License-Identifier: Apache-2.0
"""Write docs/reference from the program itself; `--check` only says what is out of date.

python -m docs.generate
"""

import sys
from pathlib import Path

from docs.generator import checks, commands, endings, problems, settings, survey

REFERENCE = Path(__file__).parent / "reference"
COMMAND = "make docs"


def pages() -> dict[str, str]:
    """Make every generated page, by its file name."""
    return {
        "commands.md": commands.page(),
        "settings.md": settings.page(),
        "checks.md": checks.page(),
        "known-noise.md": checks.noise_page(),
        "known-problems.md": problems.page(),
        "exit-codes.md": endings.exit_codes_page(),
        "errors.md": endings.errors_page(),
        "tables.md": survey.page(),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them with what is there."""
    stale = []
    for name, text in pages().items():
        file = REFERENCE / name
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"docs/reference/{name}\n")
    if stale and "--check" in arguments:
        sys.stderr.write(f"docs/reference is out of date: run {COMMAND}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
