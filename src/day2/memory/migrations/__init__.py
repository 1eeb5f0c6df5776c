# SPDX-License-Identifier: Apache-2.0
"""Alembic's environment; run by `day2.memory.store`, never by hand."""
