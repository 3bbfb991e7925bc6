"""The Replication page in every judged state: its sentence, its shape and both languages."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import translation

from hapanel.drbd.findings import Code, Finding
from hapanel.observe import replication_desk
from hapanel.ui.replication_states import finding_shown
from hapanel.ui.words import with_local_decimals
from nodes import replication
from nodes.models import Cluster
from tests.replication_scenes import SCENES, play
from vms.replication import replication_of

PART = {"HX-Request": "true", "HX-Target": "replication"}


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture(autouse=True)
def a_busy_machine_makes_nothing_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "STALE_AFTER", timedelta(minutes=10))


def shown(client: Client, language: str) -> str:
    answer = client.get(
        "/clusters/clusterubd/replication/", headers={**PART, "Accept-Language": language}
    )
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def faults(client: Client, language: str, first: Finding) -> list[str]:
    """What the part lacks of the verdict `first` in this language."""
    part = shown(client, language)
    with translation.override(language):
        sentence = with_local_decimals(first.because(translation.gettext))
        cure = with_local_decimals(first.remedy(translation.gettext))
        look = finding_shown(first)
    verdict = part[part.index('class="verdict"') : part.index("</section>")]
    drawing = part[part.index('class="drbd"') :]
    holds = {
        f"its sentence: {sentence}": f"<h2>{sentence}</h2>" in verdict,
        f"its remedy: {cure}": cure in verdict,
        f"its shape {look.state}": f'data-state="{look.state}"' in verdict.partition(">")[0],
        f"its word {look.word}": f"{look.word}</span></span>" in part,
        "no bare placeholder": "%(" not in part,
        "a danger in the drawing": look.state != "danger" or 'data-state="danger"' in drawing,
    }
    return [f"{language}: {what}" for what, is_so in holds.items() if not is_so]


def test_each_verdict_is_shown_with_its_sentence_and_shape_in_both_languages(
    clusterubd: Cluster, as_oda: Client
) -> None:
    said, wrong = set(), {}
    for scene in SCENES:
        play(clusterubd, scene, with_history=False)
        [resource] = replication_of(clusterubd).resources
        findings = resource.judgement.findings
        said |= {finding.code for finding in findings}
        found = [] if findings[0].code is scene.code else [f"judged {findings[0].code}"]
        for language in ("en", "id"):
            found += faults(as_oda, language, findings[0])
        if found:
            wrong[scene.name] = found
    assert wrong == {}
    assert said == set(Code), "every verdict there is has a scene"
