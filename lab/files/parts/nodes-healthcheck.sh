#!/bin/sh
# Every health check of the stand-ins: healthy unless the switch file is there.
if [ -e /var/lib/kolla/config_files/lab-unhealthy ]; then
    echo "${0##*/} $*: connection refused"
    exit 1
fi
