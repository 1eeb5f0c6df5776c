-- Users of the golden copy; `monitor` gets its password at each start of a lab.
DELETE FROM mysql.global_priv WHERE User = '';
FLUSH PRIVILEGES;
CREATE USER haproxy@'%';
CREATE USER monitor@'%' IDENTIFIED BY 'set-at-start';
GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR ON *.* TO monitor@'%';
CREATE DATABASE keystone;
CREATE TABLE keystone.project (id CHAR(32) PRIMARY KEY, name VARCHAR(64) NOT NULL);
INSERT INTO keystone.project VALUES (MD5('admin'), 'admin'), (MD5('service'), 'service');
