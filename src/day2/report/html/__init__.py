# SPDX-License-Identifier: Apache-2.0
"""One report as one HTML file: no network, no script, readable in the dark and on paper."""
