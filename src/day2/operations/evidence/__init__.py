# SPDX-License-Identifier: Apache-2.0
"""Evidence of a bad night: what was read, what was last known, what is probably the cause."""
