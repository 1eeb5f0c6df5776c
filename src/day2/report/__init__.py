# SPDX-License-Identifier: Apache-2.0
"""Model objects as people read them; no decision is made here."""
