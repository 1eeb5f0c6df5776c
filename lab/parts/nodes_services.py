# SPDX-License-Identifier: Apache-2.0
"""The table of stand-in containers: which runs where, from which image, with which health check."""

from dataclasses import asdict, dataclass

TAG = "2025.1-debian-bookworm"
VERSION = "20.1.0"
BUILD_DATE = "20251014"
NAMESPACE = "lab/kolla"
# Kolla asks every 30 s and believes the third answer; a test cannot wait that long. Shorter costs
# too much: 44 containers asked every 6 s keep a third of a core busy.
HEALTH_SECONDS = 10


@dataclass(frozen=True)
class Service:
    """One container of Kolla's: its name, its image, the word its health check is asked with."""

    container: str
    image: str
    health: str = ""

    @property
    def reference(self) -> str:
        """Return the image with its tag."""
        return f"{NAMESPACE}/{self.image}:{TAG}"

    @property
    def config(self) -> str:
        """Return the folder under /etc/kolla."""
        return self.container.replace("_", "-")

    def row(self) -> dict[str, object]:
        """Return what the program inside the node needs."""
        return {
            "name": self.container,
            "image": self.reference,
            "service": self.image,
            "config": self.config,
            "health": self.health,
            "interval": HEALTH_SECONDS,
        }

    def labels(self) -> dict[str, str]:
        """Return the labels that Kolla's build gives every image."""
        return {
            "maintainer": "Kolla Project (https://launchpad.net/kolla)",
            "name": self.image,
            "build-date": BUILD_DATE,
            "kolla_version": VERSION,
        }


COMMON = (
    Service("cron", "cron"),
    Service("fluentd", "fluentd"),
    Service("kolla_toolbox", "kolla-toolbox"),
)
SWITCH = (
    Service("openvswitch_db", "openvswitch-db-server", "ovsdb-client list-dbs"),
    Service("openvswitch_vswitchd", "openvswitch-vswitchd", "ovs-appctl version"),
    Service(
        "neutron_openvswitch_agent",
        "neutron-openvswitch-agent",
        "healthcheck_port neutron-openvswitch-agent 5672",
    ),
)
CONTROL = (
    *COMMON,
    *SWITCH,
    Service("haproxy", "haproxy", "healthcheck_curl -u openstack 127.0.0.1:61313"),
    Service("keepalived", "keepalived"),
    Service("mariadb", "mariadb-server", "clustercheck"),
    Service("memcached", "memcached", "healthcheck_listen memcached 11211"),
    Service("rabbitmq", "rabbitmq", "healthcheck_rabbitmq"),
    Service("keystone", "keystone", "healthcheck_curl http://127.0.0.1:5000"),
    Service("keystone_fernet", "keystone-fernet", "fernet-healthcheck.sh"),
    Service("glance_api", "glance-api", "healthcheck_curl http://127.0.0.1:9292"),
    Service("placement_api", "placement-api", "healthcheck_curl http://127.0.0.1:8780"),
    Service("nova_api", "nova-api", "healthcheck_curl http://127.0.0.1:8774"),
    Service("nova_conductor", "nova-conductor", "healthcheck_port nova-conductor 5672"),
    Service("nova_scheduler", "nova-scheduler", "healthcheck_port nova-scheduler 5672"),
    Service(
        "nova_novncproxy", "nova-novncproxy", "healthcheck_curl http://127.0.0.1:6080/vnc.html"
    ),
    Service("neutron_server", "neutron-server", "healthcheck_curl http://127.0.0.1:9696"),
    Service("neutron_l3_agent", "neutron-l3-agent", "healthcheck_port neutron-l3-agent 5672"),
    Service("neutron_dhcp_agent", "neutron-dhcp-agent", "healthcheck_port neutron-dhcp-agent 5672"),
    Service("cinder_api", "cinder-api", "healthcheck_curl http://127.0.0.1:8776"),
    Service("cinder_scheduler", "cinder-scheduler", "healthcheck_port cinder-scheduler 5672"),
    Service("cinder_volume", "cinder-volume", "healthcheck_port cinder-volume 5672"),
    Service("horizon", "horizon", "healthcheck_curl http://127.0.0.1:80"),
)
COMPUTE = (
    *COMMON,
    *SWITCH,
    Service("nova_libvirt", "nova-libvirt", "virsh version --daemon"),
    Service("nova_ssh", "nova-ssh", "healthcheck_listen sshd 8022"),
    Service("nova_compute", "nova-compute", "healthcheck_port nova-compute 5672"),
)


def services(host: str) -> tuple[Service, ...]:
    """Return the containers of a host, told by its name."""
    return CONTROL if host.startswith("control") else COMPUTE


def every() -> list[Service]:
    """Return every service once."""
    return list({service.container: service for service in (*CONTROL, *COMPUTE)}.values())


def fingerprint() -> str:
    """Return the table as text: a part of the node image's key."""
    return repr([asdict(service) | service.labels() for service in every()])


def health_commands() -> set[str]:
    """Return the programs that the health checks call."""
    return {service.health.split()[0] for service in every() if service.health}
