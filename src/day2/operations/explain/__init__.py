# SPDX-License-Identifier: Apache-2.0
"""The whole story of one subject: read-only, and every cause with what speaks for and against."""
