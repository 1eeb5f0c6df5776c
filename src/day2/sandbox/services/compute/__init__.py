# SPDX-License-Identifier: Apache-2.0
"""Compute, as Nova 2025.1 answers."""
