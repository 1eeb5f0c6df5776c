# SPDX-License-Identifier: Apache-2.0
"""Where the servers of a host go: what is free elsewhere, and who may go there."""
