#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The health check that operators put into cron: eleven starts of the openstack client, one after
# the other. Only the time counts here; what is wrong with it as a check is in the documentation.
#
# OPENSTACK is the client; OS_CLOUD and OS_CLIENT_CONFIG_FILE name the account.
set -eu
client=${OPENSTACK:-openstack}

ask() {
  "$client" "$@" > /dev/null
}

# Does Keystone issue tokens, do the planes report?
ask token issue -f value -c id
ask hypervisor list
ask network agent list
ask volume service list
ask image list
# The critical services of the daily list.
ask compute service list
ask network agent list
ask volume service list
# Who lives here, what is broken, how full is it?
ask server list --all-projects
ask server list --all-projects --status ERROR
ask hypervisor stats show
