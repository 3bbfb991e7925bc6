"""Guests of a node that refuses, then of a dead one, then asked without quorum."""

import time

from tests.contract.sandbox import cluster, vm
from tests.contract.stage import SPEED, Act, Situation, Stage


def _beta_refuses(stage: Stage) -> None:
    stage.lab.ctl("api", "beta", "refuse")


def _gamma_dies(stage: Stage) -> None:
    stage.lab.ctl("api", "beta", "ok")
    stage.lab.ctl("crash", "gamma")
    time.sleep(8 / SPEED + 0.1)


def _beta_dies_too(stage: Stage) -> None:
    stage.lab.ctl("crash", "beta")
    time.sleep(8 / SPEED + 0.1)


SITUATION = Situation(
    name="guests_out_of_reach",
    scenario=cluster(vm(1100, "alpha"), vm(1101, "beta"), vm(1102, "gamma")),
    acts=(
        Act(
            "proxy-target-pveproxy-stopped-post remote-pvedaemon-stopped-post",
            before=_beta_refuses,
        ),
        Act(
            "nodedown-75s-qemu nodedown-75s-vm102-config nodedown-75s-vm102-status",
            before=_gamma_dies,
        ),
        Act("noquorum-put-config", before=_beta_dies_too),
    ),
)
