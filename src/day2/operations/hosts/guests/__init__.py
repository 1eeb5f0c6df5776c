# SPDX-License-Identifier: Apache-2.0
"""Which way each server of a host goes: its owner's word, its hardware, its status."""
