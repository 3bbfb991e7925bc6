"""Three nodes and a QDevice; at the end only alpha is left, and quorate by the device's vote."""

import time

from tests.contract.sandbox import UNDER_HA
from tests.contract.stage import Act, Situation, Stage


def _two_of_three_die(stage: Stage) -> None:
    stage.lab.ctl("crash", "beta")
    stage.lab.ctl("crash", "gamma")
    time.sleep(30 / stage.lab.speed)


SITUATION = Situation(
    name="qdevice",
    scenario={**UNDER_HA, "qdevice": "10.77.0.254:5403"},
    acts=(
        Act(
            "qdevice-cluster-status qdevice-config-nodes qdevice-join-info qdevice-totem"
            " qdevice-up-from-pve2"
        ),
        Act(
            "qdevice-2of3-down-qdevice qdevice-2of3-down-status",
            before=_two_of_three_die,
        ),
    ),
)
