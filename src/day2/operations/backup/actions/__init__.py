# SPDX-License-Identifier: Apache-2.0
"""What a run does with sets: take, verify, condemn, remove."""
