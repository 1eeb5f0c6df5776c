# SPDX-License-Identifier: Apache-2.0
"""Programs that run inside the services' virtualenv, not in the lab's own."""
