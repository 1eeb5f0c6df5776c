# SPDX-License-Identifier: Apache-2.0
"""The hosts of a cloud in one table; reads only."""
