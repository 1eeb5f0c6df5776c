# SPDX-License-Identifier: Apache-2.0
"""Put one sign for every value of a message, so that what remains is its template."""

import re

VALUE = "<*>"
MESSAGE_LENGTH = 400
# In this order: a URL holds an address, an address holds numbers.
_PATTERNS = tuple(
    (re.compile(pattern), sign)
    for pattern, sign in (
        (r"<[\w.]+ (?:object )?(?:at )?0x[0-9a-f]+[^<>\n]{0,80}>", VALUE),
        (r"(?<!\w)u?'[^'\n]{0,300}'(?!\w)", VALUE),
        (r'(?<!\w)u?"[^"\n]{0,300}"(?!\w)', VALUE),
        (r"\b[a-z][a-z0-9+.\-]{0,20}://[^\s,;'\")\]]+", VALUE),
        (r"\breq-[0-9a-f-]+", VALUE),
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", VALUE),
        (r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b", VALUE),
        (r"(?<![\w.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?:%\w+)?(?:/\d+)?(?![\w:])", VALUE),
        (r"\b[\w\-]{1,64}@[\w\-.@%]+", VALUE),
        (r"(?<![\w/])/(?:[\w.+@\-]+/)*[\w.+@\-]+/?", VALUE),
        # A word with a digit in it is a name, an address or a number.
        (r"(?<![\w.:/@%+\-])[\w.:/@%+\-]*\d[\w.:/@%+\-]*", VALUE),
        (r"\*{3}", VALUE),
        (r"(?:<\*>[\s,.;:()\[\]{}|=\-]*){3,}(?=<\*>)", f"{VALUE} "),
    )
)


def values(text: str) -> str:
    """Return the first line of a message without its values."""
    line = text.split("\n", 1)[0][: 4 * MESSAGE_LENGTH]
    for pattern, sign in _PATTERNS:
        line = pattern.sub(sign, line)
    return " ".join(line.split())[:MESSAGE_LENGTH]
