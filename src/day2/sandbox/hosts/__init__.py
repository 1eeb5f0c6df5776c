# SPDX-License-Identifier: Apache-2.0
"""The sandbox's hosts: a scripted Ansible, what it says of them, and their log files."""
