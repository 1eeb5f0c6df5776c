# SPDX-License-Identifier: Apache-2.0
"""The one action of this room, and what it works with."""
