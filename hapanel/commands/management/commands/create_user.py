"""`create_user`: an account with a role, such as the first administrator."""

from __future__ import annotations

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from hapanel.access import Role
from hapanel.accounts.people import create_person
from hapanel.audit.actor import Actor
from hapanel.commands.refusing import refusing


class Command(BaseCommand):
    """The password is typed in, comes on standard input, or is made and printed once."""

    help = "Make an account. Its password is typed in, read from a pipe, or made and printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", choices=[role.value for role in Role], required=True)
        parser.add_argument(
            "--generate", action="store_true", help="make a password and print it, this once"
        )

    @refusing
    def handle(self, *_arguments: Any, **options: Any) -> None:
        generated = secrets.token_urlsafe(15) if options["generate"] else ""
        actor = Actor(getpass.getuser(), "command")
        person = create_person(
            options["name"], generated or _password(), Role(options["role"]), actor
        )
        self.stdout.write(f"{person.username}: {options['role']}")
        if generated:
            self.stdout.write(generated)


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
