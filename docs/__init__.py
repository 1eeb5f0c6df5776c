# SPDX-License-Identifier: Apache-2.0
"""The documentation, and what generates its reference from the program."""
