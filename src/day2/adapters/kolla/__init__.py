# SPDX-License-Identifier: Apache-2.0
"""Kolla-Ansible's own things: its virtualenv, its inventory, its passwords."""
