# SPDX-License-Identifier: Apache-2.0
"""Where logs are read: files and containers of hosts by Ansible, or OpenSearch."""
