# SPDX-License-Identifier: Apache-2.0
"""The real cloud that day2 is developed and tested against: OpenStack from PyPI, no containers."""
