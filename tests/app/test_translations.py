"""The Indonesian catalogue: complete, well-formed, and spoken by the pages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext, pgettext

from hapanel.bootstrap.catalogues import compile_catalogue
from hapanel.commands.translations import collect, faults
from hapanel.helpdesk import recent
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.verdict import Look
from hapanel.ui.words import unit_names
from nodes.models import Cluster

CATALOGUE = Path(settings.BASE_DIR) / "locale" / "id" / "LC_MESSAGES" / "django.po"
TAG = re.compile(r"<[^>]+>")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The machine may have an older .mo, or none."""
    compile_catalogue(CATALOGUE)
    translation.trans_real._translations.pop("id", None)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def texts_of(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_text_for_people_is_translated(catalogue: polib.POFile) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("xgettext is not installed")
    found = [str(fault) for fault in faults(collect(Path(settings.BASE_DIR)), catalogue)]
    assert found == []


def test_markup_survives_translation(catalogue: polib.POFile) -> None:
    for entry in catalogue:
        for text in texts_of(entry):
            assert sorted(TAG.findall(text)) == sorted(TAG.findall(entry.msgid)), entry.msgid


def test_a_sentence_ends_as_it_does_in_english(catalogue: polib.POFile) -> None:
    ends = ".:?"
    for entry in catalogue:
        for text in texts_of(entry):
            english = entry.msgid[-1] if entry.msgid[-1] in ends else ""
            indonesian = text[-1] if text[-1] in ends else ""
            assert indonesian == english, entry.msgid


def test_every_translated_sentence_can_be_filled(catalogue: polib.POFile) -> None:
    class Anything(dict[str, int]):
        def __missing__(self, name: str) -> int:
            return 7

    for entry in catalogue:
        if "%(" in entry.msgid:
            for text in texts_of(entry):
                assert text % Anything()


def test_units_are_single_words_because_the_browser_goes_on_counting_with_them() -> None:
    with translation.override("id"):
        assert unit_names() == ("dtk", "mnt", "jam", "hari")


def test_indonesian_has_no_plural_and_writes_times_with_dots() -> None:
    with translation.override("id"):
        assert pgettext("time of day", "H:i:s") == "H.i.s"
        singular, plural = "%(n)s guest", "%(n)s guests"
        assert ngettext(singular, plural, 5) % {"n": 5} == "5 guest"
        assert gettext("All services work") == "Semua layanan berjalan"


def test_hal_reads_the_status_page_in_indonesian(as_hal: Client, clusterubd: Cluster) -> None:
    siakad = Service.objects.create(
        cluster=clusterubd,
        name="Academic system",
        name_id="SIAKAD",
        vmids=[100],
        url="http://127.0.42.100:8080/",
        state=ServiceState.DOWN,
        since=timezone.now(),
    )
    recent.note({siakad.pk: Look(timezone.now(), 12, 200)})
    as_hal.cookies[settings.LANGUAGE_COOKIE_NAME] = "id"
    text = as_hal.get("/status/").content.decode()
    assert '<html lang="id"' in text
    assert "SIAKAD sedang tidak bisa dibuka" in text
    assert "Katakan kepada penelepon" in text
    assert "Academic system" not in text
