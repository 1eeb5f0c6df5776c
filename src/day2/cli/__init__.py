# SPDX-License-Identifier: Apache-2.0
"""The command line: one file per noun; parse, call, render; no decisions.

Command modules import nothing heavy at the top: every one of them is loaded for `day2 --help`.
"""
