"""Every area of the API: importing one fills the table, so this is where a new one is added."""

from hapanel.lab.api import (
    charts,
    cluster_wide,
    guest_migration,
    guest_power,
    guests,
    ha,
    nodes,
    roles,
    sign_in,
    storages,
    tasks,
    users,
)
from hapanel.lab.api.routing import api

AREAS = (
    charts,
    cluster_wide,
    guest_migration,
    guest_power,
    guests,
    ha,
    nodes,
    roles,
    sign_in,
    storages,
    tasks,
    users,
)

__all__ = ["AREAS", "api"]
