# SPDX-License-Identifier: Apache-2.0
"""Health: judge every plane of a cloud from one survey. Reads nothing, changes nothing."""
