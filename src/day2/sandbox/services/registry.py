# SPDX-License-Identifier: Apache-2.0
"""Every service that the sandbox offers; their routes hang on them once their modules are read."""

from day2.sandbox.routes import Service
from day2.sandbox.services import (
    alertmanager,
    block_storage,
    block_storage_backups,
    block_storage_services,
    identity,
    identity_credentials,
    identity_lists,
    identity_rules,
    image,
    load_balancer,
    network,
    network_agents,
    network_creation,
    network_making,
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
    live_moves,
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
    identity_rules,
    block_storage_backups,
    block_storage_services,
    network_agents,
    network_creation,
    network_making,
    network_quotas,
    actions,
    administration,
    flavors,
    live_moves,
    quotas,
    servers,
    volumes,
)
