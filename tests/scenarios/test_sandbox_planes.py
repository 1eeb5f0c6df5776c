# SPDX-License-Identifier: Apache-2.0
"""The planes around OpenStack's API: a real sandbox, asked by the real adapters."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from day2.adapters.haproxy import LoadBalancer
from day2.adapters.rabbitmq import BusServer
from day2.adapters.web import Web
from day2.errors import BadAnswer, Denied, NotDeployed
from day2.model.survey import Survey
from day2.wiring.sandbox import Sandboxes
from day2.wiring.site import Site
from tests.scenarios.sandboxes import Home


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Home]]:
    """One sandbox of each scenario, for all tests that only look."""
    found: dict[str, Home] = {}
    for name in ("small", "healthy", "outage"):
        found[name] = Home(tmp_path_factory.mktemp(name))
        up = found[name].run("sandbox", "up", "--scenario", name)
        assert up.code == 0, up.err
    yield found
    for home in found.values():
        home.run("sandbox", "down")


def survey(home: Home, *kinds: str) -> Survey:
    """Read these tables as `day2 --cloud sandbox` does."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.folder), "DAY2_STATE": str(home.state)}
    settings = Sandboxes(environment).settings("sandbox")
    found = Site(settings, cloud="sandbox", environment=environment).survey(kinds)
    assert [gap.message for gap in found.gaps if gap.kind != "containers"] == []
    return found


def test_hosts_answer_from_the_scenario(homes: dict[str, Home]) -> None:
    tables = survey(homes["small"], "hosts", "containers").tables
    assert [host.name for host in tables.hosts] == sorted(host.name for host in tables.hosts)
    assert all(host.reachable and host.containers_read for host in tables.hosts)
    assert all(abs(host.clock_offset_seconds or 0) < 1 for host in tables.hosts)
    compute = {h.name: h for h in tables.hosts}["compute02"]
    assert {"compute", "nova-compute", "baremetal"} <= set(compute.groups)
    assert {m.path: m.used_ratio for m in compute.mounts}["/var/lib/docker"] == 0.91
    odd = [c for c in tables.containers if c.state != "running" or c.health == "unhealthy"]
    assert [(c.host, c.name, c.restarts) for c in odd] == [("control02", "neutron_dhcp_agent", 214)]
    names = {c.name for c in tables.containers if c.host == "compute02"}
    assert {"nova_compute", "nova_libvirt", "neutron_openvswitch_agent"} <= names
    assert "keystone" not in names


def test_a_dead_host_cannot_be_reached(homes: dict[str, Home]) -> None:
    found = survey(homes["outage"], "hosts", "containers")
    dead = sorted(host.name for host in found.tables.hosts if not host.reachable)
    assert dead == ["compute02", "control01"]
    assert sorted(gap.what for gap in found.gaps) == [f"containers of {name}" for name in dead]


def test_the_certificate_is_trusted_and_ends_when_the_scenario_says(
    homes: dict[str, Home],
) -> None:
    for name, days in (("small", 9), ("healthy", 200)):
        found = survey(homes[name], "certificates")
        (shown,) = found.tables.certificates
        assert (shown.trusted, shown.name_matches, shown.error) == (True, True, "")
        assert shown.not_after is not None
        assert (shown.not_after - found.started_at).days in {days, days - 1}


def test_the_log_review_finds_what_was_planted_and_names_the_noise(homes: dict[str, Home]) -> None:
    review = homes["small"].json("--cloud", "sandbox", "log", "review")
    found = {t["service"]: t for t in review["templates"]}
    assert set(found) == {"rabbitmq", "cinder-volume"}
    assert (found["rabbitmq"]["count"], found["rabbitmq"]["noise"]) == (
        2400,
        "rabbitmq-client-gone",
    )
    busy = found["cinder-volume"]
    assert (busy["count"], busy["hosts"], busy["new"]) == (5, {"control01": 5}, True)
    assert busy["request_id"].startswith("req-")
    assert "VolumeIsBusy" in busy["template"]
    assert review["hosts"] == sorted(
        [f"control0{n}" for n in "123"] + [f"compute0{n}" for n in "123"]
    )
    assert review["gaps"] == []
    assert review["lines"] > 2400


def test_a_quiet_cloud_logs_no_error(homes: dict[str, Home]) -> None:
    review = homes["healthy"].json("--cloud", "sandbox", "log", "review")
    assert (review["templates"], review["gaps"], review["lines"] > 500) == ([], [], True)


def test_a_dead_host_is_unreachable_and_its_logs_are_a_gap(homes: dict[str, Home]) -> None:
    review = homes["outage"].json("--cloud", "sandbox", "log", "review")
    assert {gap["what"] for gap in review["gaps"]} == {"logs of compute02", "logs of control01"}
    assert "No route to host" in review["gaps"][0]["message"]
    assert {t["problem"] for t in review["templates"]} == {"bus-unreachable"}


def test_the_scripted_ansible_runs_nothing_but_the_programs_of_day2(
    homes: dict[str, Home], tmp_path: Path
) -> None:
    ansible = homes["small"].place() / "kolla" / "bin" / "ansible"
    done = subprocess.run(
        [str(ansible), "-i", "x", "-m", "ping", "all"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "day2's own programs only" in done.stderr


def test_nothing_of_the_planes_is_left_when_a_sandbox_is_down(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.run("sandbox", "up", "--scenario", "small")
    assert (home.place() / "kolla" / "cloud.json").exists()
    home.run("sandbox", "down")
    assert sorted(file.name for file in home.place().iterdir()) == ["lock", "log"]


def test_every_node_of_the_bus_is_asked_for_itself(homes: dict[str, Home]) -> None:
    tables = survey(homes["small"], "bus_endpoints", "bus_nodes", "bus_queues").tables
    names = [f"rabbit@control0{number}" for number in "123"]
    assert sorted(endpoint.node for endpoint in tables.bus_endpoints) == names
    assert [(node.name, node.running, node.missed_by) for node in tables.bus_nodes] == [
        (name, True, []) for name in names
    ]
    queues = {queue.name: queue for queue in tables.bus_queues}
    assert (queues["conductor"].type, queues["conductor"].members) == ("quorum", names)
    assert queues["compute.compute01"].consumers == 1
    assert any("_fanout_" in name for name in queues)


def test_a_dead_controller_is_silent_and_the_others_say_so(homes: dict[str, Home]) -> None:
    found = survey(homes["outage"], "bus_endpoints", "bus_nodes", "bus_queues", "proxy_endpoints")
    tables = found.tables
    silent = [e for e in tables.bus_endpoints if not e.reachable]
    assert [(e.error, e.address.partition(":")[0]) for e in silent] == [
        ("connection refused", "127.1.0.11")
    ]
    down = [node.name for node in tables.bus_nodes if not node.running]
    assert down == ["rabbit@control01"]
    queues = {queue.name: queue for queue in tables.bus_queues}
    assert queues["conductor"].online == ["rabbit@control02", "rabbit@control03"]
    assert (queues["compute.compute02"].consumers, queues["compute.compute02"].messages) == (0, 80)
    assert [e.reachable for e in tables.proxy_endpoints].count(False) == 1
    dead = {(s.server, s.check_status) for s in tables.proxy_servers if s.status == "DOWN"}
    assert dead == {("control01", "L4CON")}


def test_the_accounts_of_bus_and_proxy_are_guarded(homes: dict[str, Home]) -> None:
    settings = json.loads((homes["small"].place() / "day2.yaml").read_text())
    own = settings["clouds"]["sandbox"]
    with pytest.raises(Denied):
        BusServer(own["bus"]["management"][0], user="monitoring", password="wrong").read()
    with pytest.raises(Denied):
        LoadBalancer(own["proxy"]["statistics"][0], user="", password="").read()
    with pytest.raises(NotDeployed):
        secret = json.loads((homes["small"].place() / "wanted.json").read_text())["secrets"]
        nobody = own["proxy"]["statistics"][0].replace("control01", "control09")
        LoadBalancer(nobody, user="openstack", password=secret["haproxy_password"]).read()


def test_opensearch_tells_what_the_files_tell(homes: dict[str, Home], tmp_path: Path) -> None:
    home = homes["small"]
    files = home.json("--cloud", "sandbox", "log", "review", "--service", "cinder")
    settings = json.loads((home.place() / "day2.yaml").read_text())
    settings["clouds"]["sandbox"]["logs"]["source"] = "opensearch"
    (tmp_path / "day2.yaml").write_text(json.dumps(settings))
    words = ("--config", str(tmp_path / "day2.yaml"), "log", "review")
    found = home.json(*words, "--service", "cinder")
    # Their examples differ: one is read from the oldest on, the other from the newest.
    kept = ("template", "count", "hosts", "level")
    assert [{k: t[k] for k in kept} for t in found["templates"]] == [
        {k: t[k] for k in kept} for t in files["templates"]
    ]
    # Three pages of a scroll.
    whole = home.json(*words)
    assert {t["service"]: t["count"] for t in whole["templates"]} == {
        "rabbitmq": 2400,
        "cinder-volume": 5,
    }
    assert (whole["source"], whole["gaps"]) == ("opensearch", [])


def test_prometheus_and_alertmanager_answer_over_the_wire(homes: dict[str, Home]) -> None:
    home = homes["small"]
    url = f"http://127.0.0.1:{home.running()['port']}"
    secret = json.loads((home.place() / "wanted.json").read_text())["secrets"]
    login = {"user": "admin", "password": secret["prometheus_password"]}
    with Web(f"{url}/prometheus", **login) as web:
        query = {"query": "sum by (aggregates) (openstack_nova_vcpus_used)"}
        found = json.loads(web.get("/api/v1/query", what="p", query=query))
        values = {r["metric"]["aggregates"]: r["value"][1] for r in found["data"]["result"]}
        assert values == {"databases": "8", "general": "19"}
        alerts = json.loads(web.get("/api/v1/alerts", what="p"))["data"]["alerts"]
        with pytest.raises(BadAnswer, match="HTTP 400"):
            web.get("/api/v1/query", what="p", query={"query": "topk(1, up)"})
    with Web(f"{url}/alertmanager", **login) as web:
        sent = json.loads(web.get("/api/v2/alerts", what="a"))
        assert len({a["fingerprint"] for a in sent}) == len(alerts) == 2
        assert json.loads(web.get("/api/v2/status", what="a"))["cluster"]["status"] == "ready"
    with Web(f"{url}/prometheus", user="", password="") as web, pytest.raises(Denied):
        web.get("/api/v1/alerts", what="p")


def test_octavia_is_in_the_catalogue_and_in_error_in_the_outage_only(
    homes: dict[str, Home],
) -> None:
    for name, status in (("healthy", "ACTIVE"), ("small", "ACTIVE"), ("outage", "ERROR")):
        tables = survey(homes[name], "load_balancers", "amphorae", "catalog_services").tables
        assert "load-balancer" in {service.type for service in tables.catalog_services}
        assert [one.provisioning_status for one in tables.load_balancers] == [status]
        assert len(tables.amphorae) == 2
