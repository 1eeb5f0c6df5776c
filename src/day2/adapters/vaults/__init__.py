# SPDX-License-Identifier: Apache-2.0
"""Where backup sets lie: immutable once committed, and told of by records beside them."""
