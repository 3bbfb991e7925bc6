"""A container is made of a template, looked at and started."""

from tests.contract.lab_process import eventually
from tests.contract.sandbox import cluster
from tests.contract.situations.guests import STORAGES
from tests.contract.stage import Act, Shows, Situation, Stage

NO_START = "the sandbox's containers do not really start"


def _until_measured(stage: Stage) -> None:
    """Past the ten seconds in which the recorded chart was missing."""
    stage.settle()
    path = "/nodes/alpha/lxc/1200/rrddata"
    eventually(
        lambda: stage.lab.ask("GET", path, {"timeframe": "hour"}, headers=stage.root).status == 200
    )


SITUATION = Situation(
    name="containers",
    scenario=cluster(
        nodes=[{"name": "alpha", "cores": 2}, {"name": "beta"}, {"name": "gamma"}],
        storages=STORAGES,
    ),
    acts=(
        Act("lxc-create-no-template"),
        Act("lxc-create-200", before=Stage.settle),
        Act(
            "lxc-200-get-rrddata-timeframe-hour lxc-create-200-log lxc-200-get-config"
            " lxc-200-get-interfaces lxc-start-200",
            before=_until_measured,
        ),
        Act(
            "lxc-start-200-log lxc-200-started-status-current task-stop-unknown",
            before=Stage.settle,
        ),
    ),
    differs={
        "lxc-200-get-rrddata-timeframe-hour": "asked less than ten seconds after the creation",
        "lxc-start-200-log": NO_START,
        "lxc-200-started-status-current": NO_START,
    },
    shows={
        "lxc-create-200-log": Shows(
            "/nodes/alpha/lxc/1200/status/current",
            lambda now: (now["name"], now["cpus"], now["maxdisk"]) == ("ct1200", 2, 4 << 30),
        ),
        "task-stop-unknown": Shows(
            "/nodes/alpha/lxc/1200/interfaces",
            lambda cards: {card["name"] for card in cards} == {"lo", "eth0"},
        ),
    },
)
