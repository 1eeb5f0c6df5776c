# SPDX-License-Identifier: Apache-2.0
"""What has to be there on the day when the cloud has to be brought back."""
