# SPDX-License-Identifier: Apache-2.0
"""Rounds: run what the day's calendar holds and remember it. Rounds only read."""
