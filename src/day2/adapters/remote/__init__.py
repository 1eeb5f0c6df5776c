# SPDX-License-Identifier: Apache-2.0
"""Programs that Ansible carries to the hosts: they run there, and are never imported here."""
