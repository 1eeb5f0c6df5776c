# SPDX-License-Identifier: Apache-2.0
"""The embedded cloud: real OpenStack APIs over HTTP from a world in memory that behaves."""
