# SPDX-License-Identifier: Apache-2.0
"""OpenStack over its HTTP APIs: credentials, session, lists. Nothing here writes."""
