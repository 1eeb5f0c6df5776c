# SPDX-License-Identifier: Apache-2.0
"""Durable runs: plans become steps that survive `kill -9`, each with one intent and one outcome."""
