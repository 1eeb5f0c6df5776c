# SPDX-License-Identifier: Apache-2.0
"""Measurements on the lab: one table from one run."""
