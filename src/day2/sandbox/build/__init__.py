# SPDX-License-Identifier: Apache-2.0
"""A scenario becomes a world: one module per plane."""
