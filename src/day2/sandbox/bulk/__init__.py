# SPDX-License-Identifier: Apache-2.0
"""Clouds too large to be written down or kept: rows that are made of their number when read."""
