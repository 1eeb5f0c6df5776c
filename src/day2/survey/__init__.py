# SPDX-License-Identifier: Apache-2.0
"""What to read of a cloud and how: bounded, concurrent, and honest about what could not be read."""
