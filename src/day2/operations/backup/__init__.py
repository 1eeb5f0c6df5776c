# SPDX-License-Identifier: Apache-2.0
"""Backups that count when they were restored."""
