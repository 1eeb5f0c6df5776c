# SPDX-License-Identifier: Apache-2.0
"""Review of the services' logs: parse, mask, mine, name what is known, judge."""
