# SPDX-License-Identifier: Apache-2.0
"""Frozen nouns that every layer shares; no behaviour that reaches the outside."""
