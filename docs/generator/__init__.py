# SPDX-License-Identifier: Apache-2.0
"""One module per generated page; each turns the program's own data into Markdown."""
