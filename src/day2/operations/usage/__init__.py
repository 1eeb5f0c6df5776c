# SPDX-License-Identifier: Apache-2.0
"""The usage room: how full the cloud is, by Placement's own arithmetic, and since when."""
