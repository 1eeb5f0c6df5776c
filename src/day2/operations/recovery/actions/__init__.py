# SPDX-License-Identifier: Apache-2.0
"""The steps of a drill that are recovery's own; what restores is an action of backups."""
