# SPDX-License-Identifier: Apache-2.0
"""The rooms: one folder per capability; none imports another."""
