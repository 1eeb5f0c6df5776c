#!/bin/sh
# PID 1 of a stand-in container: takes its configuration as a real one does, then only lives.
# `lab-crash` among the configuration files makes it die at once, which Docker then repeats.
echo "INFO:__main__:Loading config file at /var/lib/kolla/config_files/config.json"
echo "INFO:__main__:Kolla config strategy set to: COPY_ALWAYS"
if [ -e /var/lib/kolla/config_files/lab-crash ]; then
    echo "ERROR ${KOLLA_SERVICE_NAME} cannot start: lab-crash is set" >&2
    exit 1
fi
echo "Running command: '${KOLLA_SERVICE_NAME}'"
log="/var/log/kolla/${KOLLA_SERVICE_NAME%%-*}"
mkdir -p "$log" 2>/dev/null
stamp=$(date '+%Y-%m-%d %H:%M:%S')
echo "$stamp.000 7 INFO ${KOLLA_SERVICE_NAME} [-] Starting ${KOLLA_SERVICE_NAME} node (version 31.0.1)" \
    >>"$log/${KOLLA_SERVICE_NAME}.log" 2>/dev/null
trap 'exit 0' TERM INT
while :; do
    sleep 3600 &
    wait $!
done
