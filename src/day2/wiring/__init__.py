# SPDX-License-Identifier: Apache-2.0
"""The only place that knows every concrete class: settings become adapters and rooms."""
