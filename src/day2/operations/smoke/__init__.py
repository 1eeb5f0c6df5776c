# SPDX-License-Identifier: Apache-2.0
"""Smoke runs: a server is made as a user makes one, tried, and deleted with all that is its."""
