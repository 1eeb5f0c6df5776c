# SPDX-License-Identifier: Apache-2.0
"""Backups of a MariaDB server by its own programs: taken, read, proven and put back."""
