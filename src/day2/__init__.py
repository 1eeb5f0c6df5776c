# SPDX-License-Identifier: Apache-2.0
"""day2: the Day-2 operations of OpenStack clouds deployed with Kolla-Ansible."""

__version__ = "0.1.0"
