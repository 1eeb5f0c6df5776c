# SPDX-License-Identifier: Apache-2.0
"""Backups that others took: found, examined where they lie, and never touched."""
