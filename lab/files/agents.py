# SPDX-License-Identifier: Apache-2.0
# Runs in the services' virtualenv and speaks to neutron's methods, which carry no types.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN201, ANN202, ANN204, ANN205, BLE001
"""All of neutron's agents in one process: they speak the agents' RPC, and plug nothing.

Open vSwitch agents on every host, DHCP, L3 and metadata agents on the network hosts. They send
heartbeats, bring ports up, create DHCP ports and set floating IPs ACTIVE, through neutron's own RPC
clients. A file `$LAB_RUN/agents-down/HOST` or `HOST.BINARY` silences that host or that agent.

Arguments: `COMPUTE,COMPUTE,... NET,NET,...`, then `--config-file` ones.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

import oslo_messaging
from neutron.agent import rpc as agent_rpc
from neutron.agent.dhcp import agent as dhcp_agent
from neutron.agent.l3 import agent as l3_agent
from neutron.common import config
from neutron.common import utils as neutron_utils
from neutron.conf.agent import common as agent_conf
from neutron_lib import constants
from neutron_lib import context as neutron_context
from neutron_lib import rpc as neutron_rpc
from neutron_lib.agent import topics
from oslo_config import cfg
from oslo_log import log as oslo_log

REPORT_SECONDS = 3
IDLE_SECONDS = 20
OVS, DHCP, L3, METADATA = (
    "neutron-openvswitch-agent",
    "neutron-dhcp-agent",
    "neutron-l3-agent",
    "neutron-metadata-agent",
)
TYPES = {
    OVS: (constants.L2_AGENT_TOPIC, constants.AGENT_TYPE_OVS),
    DHCP: (topics.DHCP_AGENT, constants.AGENT_TYPE_DHCP),
    L3: (topics.L3_AGENT, constants.AGENT_TYPE_L3),
    METADATA: ("N/A", constants.AGENT_TYPE_METADATA),
}
LOG = logging.getLogger("agents")


def silent(host, binary):
    """Tell whether a test has silenced this agent."""
    folder = Path(os.environ["LAB_RUN"]) / "agents-down"
    return any((folder / name).exists() for name in (host, f"{host}.{binary}"))


def report(host, binary, number):
    """Return one agent's state report; the Open vSwitch one is what port binding is decided by."""
    topic, agent_type = TYPES[binary]
    configurations = {
        OVS: {
            "bridge_mappings": {"physnet1": "br-ex"},
            "tunnel_types": ["vxlan"],
            "tunneling_ip": f"10.255.0.{number + 1}",
            "integration_bridge": "br-int",
            "l2_population": False,
            "arp_responder_enabled": False,
            "enable_distributed_routing": False,
            "extensions": [],
            "datapath_type": "system",
            "ovs_capabilities": {"datapath_types": ["netdev", "system"], "iface_types": []},
            "vhostuser_socket_dir": "/var/run/openvswitch",
            "ovs_hybrid_plug": False,
            "in_distributed_mode": False,
            "devices": 0,
        },
        DHCP: {
            "dhcp_driver": "neutron.agent.linux.dhcp.Dnsmasq",
            "dhcp_lease_duration": 86400,
            "networks": 0,
            "subnets": 0,
            "ports": 0,
        },
        L3: {
            "agent_mode": "legacy",
            "handle_internal_only_routers": True,
            "interface_driver": "openvswitch",
            "extensions": [],
            "routers": 0,
            "ex_gw_ports": 0,
            "interfaces": 0,
            "floating_ips": 0,
        },
        METADATA: {"metadata_proxy_socket": "/run/metadata_proxy", "nova_metadata_port": 8775},
    }
    return {
        "binary": binary,
        "host": host,
        "topic": topic,
        "agent_type": agent_type,
        "availability_zone": "nova" if binary in (DHCP, L3) else None,
        "configurations": {**configurations[binary], "log_agent_heartbeats": False},
        "start_flag": True,
    }


class Agents:
    """The agents of all hosts, and one thread for each kind of work."""

    def __init__(self, computes, network_hosts):
        self._context = neutron_context.get_admin_context_without_session()
        self._state = agent_rpc.PluginReportStateAPI(topics.REPORTS)
        self._plugin = agent_rpc.PluginApi(topics.PLUGIN)
        self._l2_hosts = [*computes, *network_hosts]
        self._dhcp = {host: dhcp_agent.DhcpPluginApi(topics.PLUGIN, host) for host in network_hosts}
        self._l3 = {host: l3_agent.L3PluginApi(topics.L3PLUGIN, host) for host in network_hosts}
        binaries = [(host, OVS) for host in self._l2_hosts]
        binaries += [(host, binary) for host in network_hosts for binary in (DHCP, L3, METADATA)]
        numbers = {host: number for number, host in enumerate(self._l2_hosts)}
        self._reports = [report(host, binary, numbers[host]) for host, binary in binaries]

    def heartbeat(self):
        """Report every agent's state: first as a call, whose answer says that the agent exists."""
        for row in self._reports:
            if silent(row["host"], row["binary"]):
                # An agent that comes back says that it has started, as a restarted one does.
                row["start_flag"] = True
                continue
            first = row.get("start_flag", False)
            self._state.report_state(self._context, dict(row), use_call=first)
            row.pop("start_flag", None)

    def bring_ports_up(self):
        """Do what the Open vSwitch agents do with ports that are bound to their host."""
        for host in self._l2_hosts:
            if silent(host, OVS):
                continue
            ports = self._plugin.get_ports_by_vnic_type_and_host(self._context, "normal", host)
            down = [
                port["id"]
                for port in ports
                if port.get("status") != "ACTIVE" and port.get("admin_state_up", True)
            ]
            if not down:
                continue
            # A server's port needs both: DHCP that serves it, and the switch that has plugged it.
            serving = [each for each in self._dhcp if not silent(each, DHCP)]
            if serving:
                self._dhcp[serving[0]].dhcp_ready_on_ports(down)
            for port in down:
                self._plugin.update_device_up(self._context, port, f"ovs-agent-{host}", host)
            LOG.info("%s: up %s", host, down)

    def serve_dhcp(self):
        """Create or take over one DHCP port for each network that is scheduled to a DHCP agent."""
        for host, api in self._dhcp.items():
            if silent(host, DHCP):
                continue
            for network in api.get_active_networks_info():
                self._dhcp_port(host, api, network)

    @staticmethod
    def _dhcp_port(host, api, network):
        subnets = [subnet for subnet in network["subnets"] if subnet["enable_dhcp"]]
        mine = neutron_utils.get_dhcp_agent_device_id(network["id"], host)
        ports = {
            port["device_id"]: port["id"]
            for port in network["ports"]
            if port["device_owner"] == constants.DEVICE_OWNER_DHCP
        }
        if not subnets or mine in ports:
            return
        body = {"network_id": network["id"], "device_id": mine}
        reserved = ports.get(constants.DEVICE_ID_RESERVED_DHCP_PORT)
        if reserved:
            api.update_dhcp_port(reserved, {"port": body})
            return
        body |= {
            "name": "",
            "admin_state_up": True,
            "device_owner": constants.DEVICE_OWNER_DHCP,
            "tenant_id": network.get("project_id") or network.get("tenant_id"),
            "fixed_ips": [{"subnet_id": subnet["id"]} for subnet in subnets],
        }
        api.create_dhcp_port({"port": body})
        LOG.info("%s: DHCP port on %s", host, network["id"])

    def serve_routers(self):
        """Set the floating IPs of the routers that are scheduled to each L3 agent ACTIVE."""
        for host, api in self._l3.items():
            if silent(host, L3):
                continue
            for router in api.get_routers(self._context):
                addresses = router.get("_floatingips", [])
                if any(address["status"] != "ACTIVE" for address in addresses):
                    states = {address["id"]: "ACTIVE" for address in addresses}
                    api.update_floatingip_statuses(self._context, router["id"], states)
                    LOG.info("%s: floating IPs %s", host, sorted(states))


class Listener:
    """Receives what the server tells agents of one kind, and wakes the work they would do.

    neutron calls a method for each kind of news; which one it is matters little here, for the work
    looks at the whole state. DHCP agents hear of every port, which changes nothing for them.
    """

    target = oslo_messaging.Target(version="1.99")

    def __init__(self, wake):
        self._wake = wake

    def __getattr__(self, method):
        if method.startswith(("_", "oslo_", "port_create", "port_delete")):
            raise AttributeError(method)
        return lambda _context, **_arguments: self._wake()


class Work:
    """One kind of work in its own thread: at once when woken, else now and then."""

    def __init__(self, work, *followers):
        self._work = work
        self._followers = followers
        self._event = threading.Event()
        threading.Thread(target=self._forever, daemon=True).start()

    def wake(self):
        """Do the work soon."""
        self._event.set()

    def _forever(self):
        while True:
            self._event.wait(IDLE_SECONDS)
            woken = self._event.is_set()
            self._event.clear()
            # News come in bursts.
            time.sleep(0.1)
            attempt(self._work)
            if woken:
                for follower in self._followers:
                    follower.wake()


def listen(topic, host, wake):
    """Serve one queue: of one agent, or (every agent hears of every port) of all."""
    target = oslo_messaging.Target(topic=topic, server=host)
    server = oslo_messaging.get_rpc_server(
        neutron_rpc.TRANSPORT,
        target,
        [Listener(wake)],
        executor="threading",
        serializer=neutron_rpc.RequestContextSerializer(),
    )
    server.start()


def attempt(work):
    """Do it once; a failure is logged and met again at the next turn, as real agents do."""
    try:
        work()
    except Exception as error:
        LOG.warning("%s: %s", work.__name__, str(error)[:300])


def main():
    """Create the agents by their first report, then listen, work, and report for ever."""
    computes, network_hosts, *arguments = sys.argv[1:]
    computes, network_hosts = computes.split(","), network_hosts.split(",")
    config.register_common_config_options()
    agent_conf.register_agent_state_opts_helper(cfg.CONF)
    cfg.CONF(arguments, project="neutron")
    oslo_log.setup(cfg.CONF, "agents")
    neutron_rpc.init(cfg.CONF)
    agents = Agents(computes, network_hosts)
    attempt(agents.heartbeat)
    ports = Work(agents.bring_ports_up)
    dhcp = Work(agents.serve_dhcp, ports)
    routers = Work(agents.serve_routers, ports)
    for work in (dhcp, routers, ports):
        work.wake()
    listen(topics.get_topic_name(topics.AGENT, topics.PORT, topics.UPDATE), "lab", ports.wake)
    for host in network_hosts:
        listen(topics.DHCP_AGENT, host, dhcp.wake)
        listen(topics.L3_AGENT, host, routers.wake)
    while True:
        time.sleep(REPORT_SECONDS)
        attempt(agents.heartbeat)


main()
