"""The HA manager's own words: the states of services, nodes and daemons, as its status has them."""

from __future__ import annotations

from enum import StrEnum


class ServiceState(StrEnum):
    """Where a service stands with the master (`state` in the manager status)."""

    STOPPED = "stopped"
    REQUEST_STOP = "request_stop"
    REQUEST_START = "request_start"
    REQUEST_START_BALANCE = "request_start_balance"
    STARTED = "started"
    FENCE = "fence"
    RECOVERY = "recovery"
    MIGRATE = "migrate"
    RELOCATE = "relocate"
    FREEZE = "freeze"
    ERROR = "error"


MOVING = frozenset(
    {ServiceState.MIGRATE, ServiceState.RELOCATE, ServiceState.REQUEST_START_BALANCE}
)


class Requested(StrEnum):
    """What the configuration of an HA resource asks for."""

    STARTED = "started"
    STOPPED = "stopped"
    DISABLED = "disabled"
    IGNORED = "ignored"


class NodeState(StrEnum):
    """How the master sees a node."""

    ONLINE = "online"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    FENCE = "fence"
    GONE = "gone"


class CrmState(StrEnum):
    """Where a node's cluster resource manager stands."""

    WAIT_FOR_QUORUM = "wait_for_quorum"
    SLAVE = "slave"
    MASTER = "master"
    LOST_MANAGER_LOCK = "lost_manager_lock"


class LrmState(StrEnum):
    """Where a node's local resource manager stands."""

    WAIT_FOR_AGENT_LOCK = "wait_for_agent_lock"
    ACTIVE = "active"
    MAINTENANCE = "maintenance"
    LOST_AGENT_LOCK = "lost_agent_lock"


class LrmMode(StrEnum):
    """What an LRM tells the master about its node."""

    ACTIVE = "active"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    MAINTENANCE = "maintenance"
    DISARM = "disarm"


class JobResult(StrEnum):
    """How an LRM's job ended. RETRY stays inside the LRM."""

    OK = "ok"
    FAILED = "failed"
    RETRY = "retry"
    IGNORED = "ignored"
    WRONG_NODE = "wrong_node"
    NO_CONFIGURATION = "no_configuration"


class Halt(StrEnum):
    """An orderly end of a node that somebody asked for."""

    SHUTDOWN = "shutdown"
    REBOOT = "reboot"


class ShutdownPolicy(StrEnum):
    """The datacenter option ha.shutdown_policy."""

    CONDITIONAL = "conditional"
    FREEZE = "freeze"
    FAILOVER = "failover"
    MIGRATE = "migrate"


class Scheduler(StrEnum):
    """The datacenter option crs.ha."""

    BASIC = "basic"
    STATIC = "static"
    DYNAMIC = "dynamic"


class BalanceMethod(StrEnum):
    """The datacenter option crs.ha-auto-rebalance-method."""

    BRUTEFORCE = "bruteforce"
    TOPSIS = "topsis"


class DisarmMode(StrEnum):
    """What becomes of the services while HA is disarmed."""

    FREEZE = "freeze"
    IGNORE = "ignore"


class DisarmState(StrEnum):
    """How far a disarm has come."""

    DISARMING = "disarming"
    DISARMED = "disarmed"
