# SPDX-License-Identifier: Apache-2.0
"""YAML as Ansible takes it: the last of two entries with one name counts; its tags are known."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.nodes import Node


class AnsibleConstructor(SafeConstructor):
    """Builds plain values only; what Ansible alone understands (`!vault`) becomes empty text."""

    def check_mapping_key(
        self,
        _node: Node,
        _key_node: Node,
        _mapping: Any,  # noqa: ANN401 - ruamel's
        _key: Any,  # noqa: ANN401
        _value: Any,  # noqa: ANN401
    ) -> bool:
        """Let a later entry replace an earlier one; ruamel's own leniency keeps the first."""
        return True


def _opaque(_constructor: object, _suffix: str, _node: object) -> str:
    return ""


def _text(constructor: Any, node: Node) -> str:  # noqa: ANN401 - ruamel's
    return str(constructor.construct_scalar(node))


def _number(constructor: Any, node: Node) -> float | str:  # noqa: ANN401 - ruamel's
    # Without a dot it is text to Ansible; ruamel's own warning would quote what may be a password.
    if "." not in str(node.value):
        return _text(constructor, node)
    return float(constructor.construct_yaml_float(node))


AnsibleConstructor.add_multi_constructor("!", _opaque)
AnsibleConstructor.add_constructor("!unsafe", _text)
AnsibleConstructor.add_constructor("tag:yaml.org,2002:float", _number)
# A thing that looks like a date need not be one, and nobody here asks for dates.
AnsibleConstructor.add_constructor("tag:yaml.org,2002:timestamp", _text)


def reader(constructor: type[AnsibleConstructor] = AnsibleConstructor) -> YAML:
    """Return a reader of files of Ansible variables."""
    made = YAML(typ="safe", pure=True)
    made.Constructor = constructor
    made.allow_duplicate_keys = True
    # The version that Ansible's own reader speaks: 0123 is octal, 0189 text, and yes is true.
    made.version = (1, 1)
    return made
