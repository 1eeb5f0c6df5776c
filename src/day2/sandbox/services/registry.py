# SPDX-License-Identifier: Apache-2.0
"""Every service that the sandbox offers; their routes hang on them once their modules are read."""

from day2.sandbox.routes import Service
from day2.sandbox.services import (
    alertmanager,
    block_storage,
    identity,
    identity_credentials,
    identity_lists,
    image,
    load_balancer,
    network,
    network_creation,
    network_quotas,
    opensearch,
    orchestration,
    placement,
    prometheus,
    proxy,
    rabbitmq,
)
from day2.sandbox.services.compute import (
    actions,
    administration,
    flavors,
    quotas,
    servers,
    service,
    volumes,
)

SERVICES: tuple[Service, ...] = (
    identity.SERVICE,
    service.SERVICE,
    placement.SERVICE,
    network.SERVICE,
    block_storage.SERVICE,
    image.SERVICE,
    orchestration.SERVICE,
    load_balancer.SERVICE,
    rabbitmq.SERVICE,
    proxy.SERVICE,
    opensearch.SERVICE,
    prometheus.SERVICE,
    alertmanager.SERVICE,
)
# Modules that are read for their routes alone.
READ = (
    identity_credentials,
    identity_lists,
    network_creation,
    network_quotas,
    actions,
    administration,
    flavors,
    quotas,
    servers,
    volumes,
)
