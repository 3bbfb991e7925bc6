"""`check_translations`: is every text for people there in every language?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hapanel.commands.refusing import refusing
from hapanel.commands.translations import bring_up_to_date, collect, faults, new_catalogue

SOURCE_LANGUAGE = "en"


class Command(BaseCommand):
    """Lists what is missing, fuzzy or has other placeholders; exit status 1 when anything is."""

    help = "Check that every text for people is translated, with the same placeholders."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="first bring the catalogues up to date"
        )

    @refusing
    def handle(self, *_arguments: Any, **options: Any) -> None:
        texts = collect(settings.BASE_DIR)
        wrong = 0
        for language, _name in settings.LANGUAGES:
            if language == SOURCE_LANGUAGE:
                continue
            file = settings.BASE_DIR / "locale" / language / "LC_MESSAGES" / "django.po"
            catalogue = polib.pofile(str(file), wrapwidth=0) if file.exists() else new_catalogue()
            if options["write"]:
                bring_up_to_date(catalogue, texts, file)
            for fault in faults(texts, catalogue):
                wrong += 1
                self.stdout.write(f"{language}: {fault}")
        if wrong:
            raise CommandError(f"{wrong} of {len(texts)} texts are not translated well.")
        self.stdout.write(f"{len(texts)} texts, all translated.")
