# SPDX-License-Identifier: Apache-2.0
"""Compute hosts: drained before work, enabled after it, evacuated when they are dead.

Everything here but `actions` is pure: a survey goes in, a plan comes out.
"""
