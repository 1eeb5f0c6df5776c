# SPDX-License-Identifier: Apache-2.0
"""The only code that touches the outside; time-outs, paging and retries of reads live here."""
