"""A user is disabled, then enabled with an end that has passed: his ticket and token fail."""

from typing import Any

from tests.contract.sandbox import BEFORE_HA, VIEWER, VIEWER_PASSWORD, make_viewer
from tests.contract.stage import Act, Shows, Situation, Stage


def _viewer_signs_in(stage: Stage) -> None:
    make_viewer(stage)
    stage.tickets[VIEWER] = stage.lab.sign_in(VIEWER, VIEWER_PASSWORD)


def _viewer_of(users: Any) -> Any:
    return next(user for user in users if user["userid"] == VIEWER)


SITUATION = Situation(
    name="viewer_shut_out",
    scenario=BEFORE_HA,
    acts=(
        Act(
            before=_viewer_signs_in,
            recordings="user-disable viewer-ticket-after-disable user-enable"
            " viewer-ticket-after-expire viewer-token-after-expire",
        ),
    ),
    shows={
        "user-disable": Shows("/access/users", lambda users: _viewer_of(users)["enable"] == 0),
        "user-enable": Shows("/access/users", lambda users: _viewer_of(users)["expire"] == 1),
    },
)
