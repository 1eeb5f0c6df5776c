# SPDX-License-Identifier: Apache-2.0
"""day2's own tables: rounds, surveys, findings over time, acknowledgements. One file, mode 0600."""
