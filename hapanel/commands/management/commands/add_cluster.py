"""`add_cluster`: try a Proxmox VE cluster and record it, with one URL and one token."""

from __future__ import annotations

import getpass
import os
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from hapanel.commands.refusing import refusing
from hapanel.kernel.refusal import Refusal, RefusalKind, Refused, gettext_noop, refusal_kind
from hapanel.operations.add_cluster import request_add_cluster
from hapanel.operations.add_cluster_outcomes import NOT_CONFIRMED
from hapanel.operations.machine import carry_on
from hapanel.operations.models import Operation, State
from hapanel.operations.ssh_access_steps import NOT_CONFIRMED as SSH_NOT_CONFIRMED
from hapanel.operations.wishes import Asker, NewCluster, SshWish, Via
from hapanel.operations.words import timeline_text, without_privilege
from hapanel.ports.node_shell import DEFAULT_PORT
from hapanel.wiring import Wiring
from nodes.models import Mode

SECRET_VARIABLE = "HAPANEL_TOKEN_SECRET"
NOT_TRUSTED_YET = 2
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 120

CA_FILE = refusal_kind(
    "ca-file-unreadable",
    gettext_noop("%(file)s cannot be read: %(reason)s."),
    gettext_noop("Copy /etc/pve/pve-root-ca.pem from a node and name that file."),
)
KEY_FILE = refusal_kind(
    "ssh-key-file-unreadable",
    gettext_noop("%(file)s cannot be read: %(reason)s."),
    gettext_noop("Name the private key whose public half stands in the nodes' authorized_keys."),
)
NO_SECRET = refusal_kind(
    "token-secret-missing",
    gettext_noop("There is no secret for the token %(token)s."),
    gettext_noop("Hand it over on standard input or in HAPANEL_TOKEN_SECRET."),
)
STILL_TRYING = refusal_kind(
    "add-cluster-still-trying",
    gettext_noop("The cluster is still being tried after %(seconds)s s."),
    gettext_noop("A worker goes on with operation %(operation)s; look for its end in the panel."),
)


class Command(BaseCommand):
    """Records an operation and carries it out itself, worker or not; nothing is written to Proxmox.

    Exit status: 0 added, 1 refused or failed, 2 certificate or host keys have yet to be confirmed.
    """

    help = "Try a Proxmox VE cluster and add it. The token's secret comes on standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="how the panel shall call the cluster")
        parser.add_argument(
            "--url", action="append", required=True, metavar="https://HOST:8006", dest="urls"
        )
        parser.add_argument("--token-id", required=True, metavar="USER@REALM!NAME")
        trust = parser.add_mutually_exclusive_group()
        trust.add_argument("--ca", type=Path, metavar="FILE", help="/etc/pve/pve-root-ca.pem")
        trust.add_argument("--fingerprint", default="", metavar="SHA256")
        parser.add_argument("--time-scale", type=float, default=1.0, help="a lab's --speed")
        ssh = parser.add_argument_group("ssh, to see replication (docs/replication-ssh.md)")
        ssh.add_argument("--ssh-user", default="", metavar="USER")
        ssh.add_argument("--ssh-key", type=Path, metavar="FILE", help="its private key")
        ssh.add_argument("--ssh-port", type=int, default=DEFAULT_PORT)
        ssh.add_argument(
            "--ssh-host-key",
            action="append",
            default=[],
            metavar="SHA256:...",
            dest="ssh_host_keys",
            help="a confirmed fingerprint, once for each node",
        )

    @refusing
    def handle(self, *_arguments: Any, **options: Any) -> None:
        new = NewCluster(
            name=options["name"],
            addresses=tuple(options["urls"]),
            token_id=options["token_id"],
            token_secret=_secret(options["token_id"]),
            ca_pem=_content(options["ca"], CA_FILE),
            fingerprint=options["fingerprint"],
            time_scale=options["time_scale"],
            ssh=_ssh(options),
        )
        asker = Asker(getpass.getuser(), Via.COMMAND)
        operation = _carried_out(request_add_cluster(new, asker))
        for entry in operation.timeline.all():
            self.stdout.write(timeline_text(entry.code, entry.params))
        if operation.state != State.SUCCEEDED:
            raise _ended_badly(operation)
        self._say_what_it_may(operation)

    def _say_what_it_may(self, operation: Operation) -> None:
        cluster = operation.cluster
        assert cluster is not None
        self.stdout.write(f"{cluster.name}: {Mode(cluster.mode).label}")
        for privilege in cluster.missing_privileges:
            self.stdout.write(f"  - {privilege}: {without_privilege(privilege)}")


def _secret(token_id: str) -> str:
    """From the environment, from a pipe, or typed in without an echo."""
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        secret = getpass.getpass(f"{token_id}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not secret.strip():
        raise Refused(NO_SECRET(token=token_id))
    return secret.strip()


def _ssh(options: dict[str, Any]) -> SshWish | None:
    if not options["ssh_user"] and options["ssh_key"] is None:
        return None
    return SshWish(
        user=options["ssh_user"],
        private_key=_content(options["ssh_key"], KEY_FILE),
        port=options["ssh_port"],
        host_keys=tuple(options["ssh_host_keys"]),
    )


def _content(file: Path | None, unreadable: RefusalKind) -> str:
    try:
        return file.read_text() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(unreadable(file=str(file), reason=error)) from error


def _carried_out(operation: Operation) -> Operation:
    """The operation at its end. A worker may take steps of it too; claims keep them apart."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while operation.is_open:
        if time.monotonic() > deadline:
            raise Refused(STILL_TRYING(seconds=PATIENCE_SECONDS, operation=operation.pk))
        wait = carry_on(operation.pk, Wiring())
        operation.refresh_from_db()
        if operation.is_open:
            time.sleep(min(wait or LOOK_SECONDS, 1.0))
    return operation


def _ended_badly(operation: Operation) -> CommandError:
    if not operation.outcome:  # cancelled by somebody; the timeline has named her
        return CommandError(str(State(operation.state).label))
    refusal = Refusal.from_record(operation.outcome)
    text = f"{refusal.because(gettext)} {refusal.remedy(gettext)} ({refusal.code})"
    if refusal.code in {NOT_CONFIRMED.code, SSH_NOT_CONFIRMED.code}:
        again = f"--fingerprint {refusal.params['seen']}"
        if refusal.code == SSH_NOT_CONFIRMED.code:
            seen = sorted(set(refusal.params["seen"].values()))
            again = " ".join(f"--ssh-host-key {fingerprint}" for fingerprint in seen)
        return CommandError(f"{text}\n{again}", returncode=NOT_TRUSTED_YET)
    return CommandError(text)
