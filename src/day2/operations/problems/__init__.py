# SPDX-License-Identifier: Apache-2.0
"""The room of known problems: which of them the cloud shows signs of, likeliest first."""
