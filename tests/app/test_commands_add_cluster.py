"""`add_cluster` on the command line: whatever the end, a sentence and an exit status."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hapanel.commands.management.commands import add_cluster
from hapanel.operations.cancel import request_cancel
from hapanel.operations.models import Operation
from hapanel.operations.wishes import Asker, Via

WISH = (
    "add_cluster",
    "campus",
    "--url",
    "https://127.0.0.9:8006",
    "--token-id",
    "panel@pve!hapanel",
)


@pytest.fixture(autouse=True)
def _secret_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAPANEL_TOKEN_SECRET", "5d1c-secret")


def test_one_that_somebody_cancels_meanwhile_ends_with_that_word(
    db: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cancelled_by_ada(pk: int, _doors: object) -> None:
        request_cancel(Operation.objects.get(pk=pk), Asker("ada", Via.PAGE))

    monkeypatch.setattr(add_cluster, "carry_on", cancelled_by_ada)
    with pytest.raises(CommandError, match="cancelled") as ended:
        call_command(*WISH)
    assert ended.value.returncode == 1
    assert "ada cancelled it" in capsys.readouterr().out


def test_one_that_nobody_answers_names_cause_and_remedy(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError) as ended:
        call_command("add_cluster", "campus", "--url", "https://127.0.0.1:9", *WISH[4:])
    assert ended.value.returncode == 1
    assert "127.0.0.1:9" in str(ended.value)
    assert "5d1c-secret" not in str(ended.value)
