# SPDX-License-Identifier: Apache-2.0
"""Setting day2 up: find what is there, write the settings, and try every connection and right."""
