# SPDX-License-Identifier: Apache-2.0
"""The catalogue: what cannot be found by an interface, and what lies at another address."""

from typing import Any

import pytest

from day2.model.severity import Severity
from day2.model.tables.identity import CatalogService, Endpoint
from day2.operations.health.rules import catalogue
from tests.unit import builders as b

TYPES = ("compute", "network", "image", "volumev3")
INTERNAL, PUBLIC = "10.0.0.250", "cloud.example.org"


def whole(**hosts: str) -> dict[str, Any]:
    """Make a catalogue; `image_internal="10.0.0.9"` moves one endpoint, an empty one drops it."""
    rows = []
    for service in TYPES:
        for interface, usual in (("internal", INTERNAL), ("public", PUBLIC)):
            host = hosts.get(f"{service}_{interface}", usual)
            if host:
                rows.append(
                    Endpoint(
                        id=f"{service}-{interface}",
                        service_id=f"id-{service}",
                        interface=interface,
                        region_id="r1",
                        url=f"https://{host}:1234/v2/%(tenant_id)s",
                    )
                )
    services = [CatalogService(id=f"id-{name}", type=name, name=name) for name in TYPES]
    return {"catalog_services": services, "endpoints": rows}


def found(**tables: Any) -> set[str]:
    return b.keys(catalogue.CHECKS, b.facts(**tables))


def test_a_whole_catalogue_is_well() -> None:
    assert found(**whole()) == set()


def test_a_missing_interface_is_found() -> None:
    assert found(**whole(image_internal="")) == {"identity.endpoint.missing:service:image:r1"}
    assert found(**whole(image_internal="", image_public="")) == {
        "identity.endpoint.missing:service:image:r1"
    }


def test_a_disabled_endpoint_is_as_good_as_none_and_a_disabled_service_needs_none() -> None:
    tables = whole()
    off = Endpoint(id="x", service_id="id-x", interface="public", region_id="r1", enabled=False)
    gone = CatalogService(id="id-x", type="x", enabled=False)
    tables["endpoints"].append(off)
    tables["catalog_services"].append(gone)
    assert found(**tables) == set()
    tables["catalog_services"][-1] = CatalogService(id="id-x", type="x")
    assert found(**tables) == {"identity.endpoint.missing:service:x:r1"}


@pytest.mark.parametrize("kind", ["catalog_services", "endpoints"])
def test_nothing_is_missing_while_not_all_is_read(kind: str) -> None:
    assert found(**whole(image_internal=""), gaps=[kind]) == set()


def test_another_address_is_told_and_that_of_another_interface_is_a_warning() -> None:
    tables = whole(image_internal="10.0.0.9", volumev3_internal=PUBLIC)
    findings = b.judged(catalogue.CHECKS, b.facts(**tables))
    assert {f.key: f.severity for f in findings} == {}
    tables = whole(image_internal="10.0.0.9")
    (odd,) = b.judged(catalogue.CHECKS, b.facts(**tables))
    assert (odd.key, odd.severity) == (
        "identity.endpoint.address:endpoint:image-internal",
        Severity.INFO,
    )
    (mixed,) = b.judged(catalogue.CHECKS, b.facts(**whole(image_internal=PUBLIC)))
    assert mixed.severity is Severity.WARNING
    assert "as the public ones are" in mixed.summary


def test_without_a_usual_address_none_is_unusual() -> None:
    tables = whole(image_internal="10.0.0.9")
    tables["endpoints"] = tables["endpoints"][-4:]
    assert not any("address" in key for key in found(**tables))


def test_a_url_that_is_none_ends_nothing() -> None:
    tables = whole()
    tables["endpoints"].append(
        Endpoint(id="x", service_id="id-image", interface="admin", url="http://[::1")
    )
    assert all("x" not in key for key in found(**tables) if "address" in key)
