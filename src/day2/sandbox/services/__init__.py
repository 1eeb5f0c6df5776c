# SPDX-License-Identifier: Apache-2.0
"""One module per service: its routes, its views of the world's rows, its way of refusing."""
