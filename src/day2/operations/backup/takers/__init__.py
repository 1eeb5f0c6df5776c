# SPDX-License-Identifier: Apache-2.0
"""One taker per kind: what is read for a set, and how a set of it is proven."""
