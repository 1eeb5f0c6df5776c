#!/bin/sh
# Runs inside the new root of the image: what Kolla's recipes for base and mariadb-server do.
# $1: the packages; the users have Kolla's numbers before any package can choose others.
set -e
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
groupadd --gid 42400 kolla
useradd --uid 42400 --gid 42400 --no-create-home --home-dir /var/lib/kolla --shell /usr/sbin/nologin kolla
groupadd --gid 42434 mysql
useradd --uid 42434 --gid 42434 --groups kolla --no-create-home --home-dir /var/lib/mysql \
    --shell /usr/sbin/nologin mysql
apt-get -q update
# shellcheck disable=SC2086
apt-get -q install -y --no-install-recommends $1
rm -f /usr/sbin/policy-rc.d

cd /opt/kolla
install -m 755 base/start.sh /usr/local/bin/kolla_start
install -m 755 base/set_configs.py /usr/local/bin/kolla_set_configs
install -m 755 base/copy_cacerts.sh /usr/local/bin/kolla_copy_cacerts
install -m 755 base/install_projects.sh /usr/local/bin/kolla_install_projects
install -m 440 base/sudoers /etc/sudoers
install -m 440 mariadb/mariadb-server/mariadb_sudoers /etc/sudoers.d/kolla_mariadb_sudoers
install -m 644 mariadb/mariadb-server/extend_start.sh /usr/local/bin/kolla_extend_start
for program in security_reset.expect:kolla_security_reset backup.sh:kolla_mariadb_backup.sh \
    backup_replica.sh:kolla_mariadb_backup_replica.sh; do
    file=mariadb/mariadb-server/${program%%:*}
    [ ! -e "$file" ] || install -m 755 "$file" "/usr/local/bin/${program#*:}"
done
# An operator's word for "this host" needs a host's name, and Kolla's own Python is the system's.
rm -rf /opt/kolla /var/lib/mysql/* /var/log/mysql
install -d -o mysql -m 755 /run/mysqld /var/lib/mysql
install -d -m 755 /var/lib/kolla/config_files
install -d -g kolla -m 2775 /var/log/kolla
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale /var/cache/debconf \
    /var/log/*.log /var/log/apt /usr/share/mysql-test /usr/bin/mariadb-test* /usr/bin/perror
