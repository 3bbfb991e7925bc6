"""The Replication page in every judged state: its sentence, its shape and both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation

from hapanel.drbd import sentences
from hapanel.drbd.findings import ALWAYS_DANGER, Code, Finding, FindingKind, Severity
from hapanel.observe import replication_desk
from hapanel.observe.event_words import sentence
from hapanel.ui.replication_states import finding_shown
from hapanel.ui.words import with_local_decimals
from nodes import replication
from nodes.models import Cluster, DrbdNode, Event, SshAccess
from tests.replication_scenes import SCENES, play
from vms.models import Guest
from vms.replication import replication_of

PART = {"HX-Request": "true", "HX-Target": "replication"}


@pytest.fixture(autouse=True)
def own_connection_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene stays of now, however slow the machine is."""
    monkeypatch.setattr(settings, "STALE_AFTER_SECONDS", 60)
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)
    monkeypatch.setattr(replication, "STALE_AFTER", timedelta(hours=1))


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
        says = with_local_decimals(first.because(translation.gettext))
        cure = with_local_decimals(first.remedy(translation.gettext))
        look = finding_shown(first)
    verdict = part[part.index('class="verdict"') : part.index("</section>")]
    drawing = part[part.index('class="drbd"') :]
    holds = {
        f"its sentence: {says}": f"<h2>{says}</h2>" in verdict,
        f"its remedy: {cure}": cure in verdict,
        f"its shape {look.state}": f'data-state="{look.state}"' in verdict.partition(">")[0],
        f"its word {look.word}": f"{look.word}</span></span>" in part,
        "no bar that moves while it waits": first.code is not Code.SYNC_PAUSED
        or "data-unknown" not in part,
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


def scene(cluster: Cluster, name: str) -> None:
    play(cluster, next(one for one in SCENES if one.name == name))


def test_the_change_of_a_link_is_told_once(clusterubd: Cluster) -> None:
    scene(clusterubd, "degraded")
    told = Event.objects.filter(fact="drbd_link_changed").order_by("id")
    assert [event.params["now"] for event in told] == ["Connecting"]
    scene(clusterubd, "syncing")
    assert told.all().count() == 1, "SyncSource and SyncTarget are the ends of one sync"
    scene(clusterubd, "disconnected")
    assert told.all().count() == 2, "the ends differ: one has given up, the other waits"
    scene(clusterubd, "no-quorum-secondary")
    assert [sentence(event).split(" is ")[0] for event in told.all()] == [
        "The link of rs from master to third",
        "The link of rs from slave to third",
    ]


def test_a_group_is_opened_only_where_it_is_closed(clusterubd: Cluster, as_oda: Client) -> None:
    scene(clusterubd, "dual-primary-configured")
    part = shown(as_oda, "en")
    offered = re.findall(r"replication/rs/(\w+)/(activate|deactivate)/", part)
    assert set(offered) == {("slave", "deactivate")}, "guests run on master"
    DrbdNode.objects.filter(node="slave").update(lvm={})
    part = shown(as_oda, "en")
    offered = re.findall(r"replication/rs/slave/(activate|deactivate)/", part)
    assert set(offered) == {"activate", "deactivate"}, "nobody knows"


def test_what_one_order_mends_has_its_button_beside_the_verdict(
    clusterubd: Cluster, as_oda: Client, as_hal: Client
) -> None:
    for name, path, words in (
        ("disconnected", "master/connect", "Connect on master"),
        ("sync-paused", "slave/resume-sync", "Resume sync on slave"),
        ("dual-primary-unexplained", "slave/deactivate", ""),
    ):
        scene(clusterubd, name)
        part = shown(as_oda, "en")
        verdict = part[part.index('class="verdict"') : part.index("</section>")]
        assert f"replication/rs/{path}/" in (verdict if words else part)
        assert words in verdict
        assert "btn-primary" in verdict or not words, "a group in use keeps its node Primary"
    assert as_hal.get("/clusters/clusterubd/replication/").status_code in {200, 403}


def test_with_the_api_silent_what_ssh_tells_is_of_now(clusterubd: Cluster, as_oda: Client) -> None:
    scene(clusterubd, "healthy")
    Cluster.objects.update(observed_at=timezone.now() - timedelta(minutes=2))
    part = shown(as_oda, "en")
    assert "API was not seen for" in part
    assert "2 min" in part
    assert "what stands below was true" not in part
    assert 'class="drbd-node" data-state="ok"' in part
    SshAccess.objects.update(is_on=False)
    assert "what stands below was true" in shown(as_oda, "en")


def test_a_node_that_is_not_seen_has_no_fresh_figures(clusterubd: Cluster, as_oda: Client) -> None:
    scene(clusterubd, "stale-primary-lost")
    part = shown(as_oda, "en")
    assert '<td class="num is-stale" data-label="master"><span class="was">was: </span>' in part
    assert '<td class="num" data-label="slave">' in part
    assert "master does not answer over ssh." in part
    assert "master tidak menjawab lewat ssh." in shown(as_oda, "id")


def test_a_danger_of_replication_is_one_in_the_tree(clusterubd: Cluster, as_oda: Client) -> None:
    scene(clusterubd, "split-brain")
    tree = as_oda.get("/tree/", headers={"HX-Request": "true"}).content.decode()
    assert '<span data-state="danger" title="split brain">' in tree
    SshAccess.objects.update(is_on=False)
    tree = as_oda.get("/tree/", headers={"HX-Request": "true"}).content.decode()
    assert "split brain" not in tree


def test_all_three_configurations_are_shown(clusterubd: Cluster, as_oda: Client) -> None:
    scene(clusterubd, "healthy-three")
    page = as_oda.get("/clusters/clusterubd/replication/").content.decode()
    assert "master · slave" in page
    assert "master · third" in page


def test_what_is_always_a_danger_is_one_wherever_it_is_said() -> None:
    said: dict[Code, set[Severity]] = {}
    for kind in vars(sentences).values():
        if isinstance(kind, FindingKind):
            said.setdefault(kind.code, set()).add(kind.severity)
    always = {code for code, severities in said.items() if severities == {Severity.DANGER}}
    assert always == ALWAYS_DANGER


def test_a_guest_that_ha_starts_elsewhere_is_not_called_silent(
    clusterubd: Cluster, as_oda: Client
) -> None:
    seen = timezone.now() - timedelta(seconds=40)
    Guest.objects.filter(vmid=100).update(
        node="slave", status="unknown", ha_state="starting", last_seen_at=seen
    )
    page = as_oda.get("/clusters/clusterubd/guests/100/").content.decode()
    assert "HA starts this guest on slave" in page
    assert "is silent" not in page
