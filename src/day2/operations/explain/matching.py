# SPDX-License-Identifier: Apache-2.0
"""How a flavor's extra spec is compared with a value: the operators of Nova's filters."""

_NUMBERS = {
    "=": lambda has, wanted: has >= wanted,
    ">=": lambda has, wanted: has >= wanted,
    "<=": lambda has, wanted: has <= wanted,
    "==": lambda has, wanted: has == wanted,
    "!=": lambda has, wanted: has != wanted,
}
_WORDS = {
    "s==": lambda has, wanted: has == wanted,
    "s!=": lambda has, wanted: has != wanted,
    "s<": lambda has, wanted: has < wanted,
    "s<=": lambda has, wanted: has <= wanted,
    "s>": lambda has, wanted: has > wanted,
    "s>=": lambda has, wanted: has >= wanted,
}


def matches(has: str, wanted: str) -> bool:
    """Tell whether a value fits a requirement: `x`, `<or> a <or> b`, `<in> x`, `>= 3`, `s== x`.

    Without an operator both must be equal; a number that is none never fits.
    """
    operator, *words = wanted.split() or [""]
    if operator == "<or>":
        return has in words[::2]
    if operator == "<in>":
        return bool(words) and words[0] in has
    if operator == "<all-in>":
        return all(word in has for word in words)
    if operator in _WORDS:
        return bool(words) and bool(_WORDS[operator](has, words[0]))
    if operator in _NUMBERS:
        try:
            return bool(_NUMBERS[operator](float(has), float(words[0])))
        except (ValueError, IndexError):
            return False
    return has == wanted
