# SPDX-License-Identifier: Apache-2.0
"""What a smoke run is made of, where the settings leave it open."""

from typing import Any

import pytest

from day2.errors import BadUsage, Refused
from day2.model.survey import Survey
from day2.model.tables.compute import Flavor
from day2.model.tables.storage import Image
from day2.operations.smoke.choose import Chosen, choose
from day2.operations.smoke.policy import SmokePolicy
from tests.unit.builders import compute_service, image, net, survey

GIB = 1 << 30
OWN = "p1"


def flavor(name: str, vcpus: int = 1, ram: int = 512, disk: int = 1, **fields: Any) -> Flavor:
    return Flavor(id=f"f-{name}", name=name, vcpus=vcpus, ram=ram, disk=disk, **fields)


def public(name: str, size: int, **fields: Any) -> Image:
    return image(name, name=name, visibility="public", size=size, **fields)


def cloud(*, gaps: tuple[str, ...] = (), **changed: Any) -> Survey:
    given: dict[str, Any] = {
        "flavors": [flavor("tiny"), flavor("small", ram=2048, disk=20)],
        "images": [public("cirros", 20), public("debian", 400)],
        "networks": [net("out", external=True, subnets=["x"], project_id="admin")],
        "routers": [],
        "compute_services": [compute_service("cmp1"), compute_service("cmp2")],
    }
    return survey(gaps=gaps, **(given | changed))


def chosen(found: Survey, host: str = "", **policy: Any) -> Chosen:
    return choose(found, SmokePolicy(**policy), project=OWN, host=host)


def test_the_smallest_that_will_do_is_chosen() -> None:
    found = chosen(cloud())
    assert (found.image.name, found.flavor.name) == ("cirros", "tiny")
    assert found.network is None
    assert found.external is not None
    assert found.external.id == "out"


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "queued"},
        {"visibility": "private"},
        {"os_hidden": True},
        {"image_type": "snapshot"},
    ],
)
def test_an_image_that_others_cannot_boot_is_not_chosen(odd: dict[str, Any]) -> None:
    fields = {"visibility": "public", "size": 1} | odd
    images = [image("odd", **fields), public("debian", 400)]
    assert chosen(cloud(images=images)).image.id == "debian"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"min_ram": 1024}, "small"),
        ({"min_disk": 5}, "small"),
        ({"virtual_size": 2 * GIB + 1}, "small"),
        ({"virtual_size": GIB}, "tiny"),
    ],
)
def test_the_flavor_fits_the_image(fields: dict[str, Any], name: str) -> None:
    assert chosen(cloud(images=[public("i", 20, **fields)])).flavor.name == name


@pytest.mark.parametrize("odd", [{"is_public": False}, {"extra_specs": {"hw:cpu_policy": "d"}}])
def test_a_flavor_that_asks_for_something_special_is_not_chosen(odd: dict[str, Any]) -> None:
    flavors = [flavor("odd", **odd), flavor("plain", vcpus=4)]
    assert chosen(cloud(flavors=flavors)).flavor.name == "plain"


def test_the_projects_own_network_is_taken_and_no_other() -> None:
    networks = [
        net("theirs", project_id="p2", subnets=["a"]),
        net("empty", project_id=OWN, subnets=[]),
        net("smoke", name="day2-smoke-run-1", project_id=OWN, subnets=["b"]),
        net("ours", project_id=OWN, subnets=["c"]),
    ]
    found = chosen(cloud(networks=networks)).network
    assert found is not None
    assert found.id == "ours"


def test_none_means_that_no_floating_ip_is_tried() -> None:
    assert chosen(cloud(), external_network="none").external is None


@pytest.mark.parametrize("kind", ["image", "flavor", "network", "external_network"])
def test_a_name_that_nothing_has_is_refused_with_its_setting(kind: str) -> None:
    with pytest.raises(BadUsage) as caught:
        chosen(cloud(), **{kind: "no-such-thing"})
    assert caught.value.hint == f"setting smoke.{kind}"


def test_a_name_that_two_have_is_refused() -> None:
    with pytest.raises(BadUsage, match="several images are called 'twin'"):
        chosen(
            cloud(images=[public("a", 1), image("b", name="twin"), image("c", name="twin")]),
            image="twin",
        )


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(BadUsage, match="cmp1, cmp2"):
        chosen(cloud(), host="cmp3")


@pytest.mark.parametrize("kind", ["flavors", "images", "networks", "compute_services"])
def test_nothing_is_chosen_from_half_a_list(kind: str) -> None:
    with pytest.raises(Refused):
        chosen(cloud(gaps=(kind,)))


def test_nothing_that_fits_is_said() -> None:
    with pytest.raises(Refused, match="wants 50 GiB of disk"):
        chosen(cloud(images=[public("big", 20, min_disk=50)]))
