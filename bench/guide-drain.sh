#!/usr/bin/env bash
# The drain of the guide, word for word: what day2's is measured against.
set -u
host=$1
openstack compute service set --disable "$host" nova-compute \
  --disable-reason "Mantenimiento programado"
for vm in $(openstack server list --host "$host" -f value -c ID); do
  openstack server migrate "$vm" --wait
done
openstack server list --host "$host"
