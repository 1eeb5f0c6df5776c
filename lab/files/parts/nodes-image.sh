#!/bin/sh
# Runs inside the new root of a node image: what a freshly installed host of a cloud looks like.
set -e
export DEBIAN_FRONTEND=noninteractive
systemctl enable ssh docker
systemctl mask systemd-udevd systemd-logind getty.target console-getty.service \
    systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer e2scrub_reap.service

# Containers share the clock of the machine that runs the lab: chronyd looks, and never steers (-x).
mkdir -p /etc/systemd/system/chrony.service.d /etc/systemd/system/ssh.service.d
printf '[Unit]\nConditionCapability=\n[Service]\nProtectSystem=no\nPrivateTmp=no\n' \
    >/etc/systemd/system/chrony.service.d/lab.conf
echo 'DAEMON_OPTS="-F 0 -x"' >/etc/default/chrony
printf 'server control01 iburst minpoll 0 maxpoll 2\nallow\nlocal stratum 8\ncmdport 0\n' \
    >/etc/chrony/chrony.conf

# Every node makes its own host keys at its first start.
rm -f /etc/ssh/ssh_host_*
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
    >/etc/systemd/system/ssh.service.d/lab.conf
printf 'UseDNS no\nPasswordAuthentication no\nMaxStartups 50\n' >/etc/ssh/sshd_config.d/lab.conf

groupadd --force docker
useradd --create-home --shell /bin/bash --groups docker day2
echo 'day2 ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/day2
for folder in /root/.ssh /home/day2/.ssh; do mkdir -p -m 700 "$folder"; done
chown day2:day2 /home/day2/.ssh

: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
echo UTC >/etc/timezone
mkdir -p /etc/docker /etc/kolla /var/log/kolla
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale /var/cache/debconf \
    /var/log/* /usr/bin/ctr /usr/sbin/dnet /usr/sbin/ovrouter /usr/bin/containerd-shim \
    /usr/bin/containerd-shim-runc-v1
