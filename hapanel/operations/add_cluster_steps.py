"""The verb add_cluster, as a worker carries it out: certificate, token, privileges, record.

Nothing is written to the cluster. The token leaves the panel only for an address that proved
itself against the CA or the fingerprint that a person gave.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from hapanel.accounts.vault import VaultLocked, unseal
from hapanel.kernel.refusal import Refusal
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations import add_cluster_outcomes as outcomes
from hapanel.operations import privileges, ssh_access_steps
from hapanel.operations.add_cluster import CLUSTER_EXISTS, DEFAULT_PORT
from hapanel.operations.models import Operation, State, Step
from hapanel.operations.work import Note, Work, noted
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.endpoint import Credentials, Endpoint, SeenCertificate
from hapanel.ports.errors import ClusterError, Unreachable
from nodes.models import Cluster, Mode


def connecting(work: Work) -> None:
    """See which addresses answer, and whether each proves itself as the person said it would."""
    params = work.operation.params
    proven: dict[str, str] = {}
    refusals: list[Refusal] = []
    for address in params["addresses"]:
        try:
            seen = work.doors.certificate_of(address, params["ca_pem"] or None)
        except Unreachable as error:
            refusals.append(outcomes.no_answer(address, error))
            continue
        refusal = _why_untrusted(seen, params)
        if refusal is None:
            proven[address] = seen.fingerprint
        else:
            refusals.append(refusal)
    if not proven:
        work.fail(refusals[0])
        return
    left_out = [noted("address_left_out", code=r.code, **dict(r.params)) for r in refusals]
    work.commit(
        *left_out,
        noted("certificate_seen", addresses=list(proven)),
        step=Step.SIGNING_IN,
        memo=work.memo(proven=proven),
    )


def _why_untrusted(seen: SeenCertificate, params: dict[str, Any]) -> Refusal | None:
    words = {"address": seen.address, "seen": seen.fingerprint}
    if params["ca_pem"]:
        return None if seen.matches_ca else outcomes.NOT_FROM_CA(**words)
    if seen.fingerprint in params.get("known_fingerprints", ()):
        return None
    if not params["fingerprint"]:
        return outcomes.NOT_CONFIRMED(
            **words,
            subject=seen.subject,
            issuer=seen.issuer,
            not_after=seen.not_after.date().isoformat(),
        )
    same = seen.fingerprint == params["fingerprint"]
    return None if same else outcomes.OTHER_FINGERPRINT(**words, given=params["fingerprint"])


@dataclass(frozen=True, slots=True)
class FirstLook:
    """Who answered the token, as notes for the operation's memo and its timeline."""

    memo: dict[str, Any]
    note: Note


def signing_in(work: Work) -> None:
    """Send the token for the first time, and see who answers."""
    look = first_look(work)
    if look is None:
        return
    memo = look.memo
    twin = _twin(memo["pve_name"], memo["ips"], list(memo["proven"]))
    if twin is not None:
        work.fail(outcomes.SAME_CLUSTER(name=twin.name, pve_name=twin.pve_name or twin.name))
        return
    step = Step.CHECKING_SSH if "ssh" in work.operation.params else Step.CHECKING_RIGHTS
    work.commit(look.note, step=step, memo=memo)


def checking_ssh(work: Work) -> None:
    """Try the nodes over ssh, as they were found in the cluster."""
    ips = {node: ip for node, ip in work.operation.memo["ips"].items() if ip}
    trial = ssh_access_steps.tried(work, ips, {})
    if trial is not None:
        memo = work.memo(ssh_pins=trial.pins)
        work.commit(*trial.notes, step=Step.CHECKING_RIGHTS, memo=memo)


def first_look(work: Work) -> FirstLook | None:
    """Ask with the token for version and members; None: refused, and the operation has failed."""
    try:
        with closing(_gateway(work)) as gateway:
            version = gateway.version()
            membership = gateway.membership()
    except VaultLocked:
        work.fail(outcomes.SECRET_LOST())
        return None
    except ClusterError as error:
        work.fail(outcomes.refused_sign_in(work.operation.params["token_id"], error))
        return None
    ips = {node.name: node.ip or "" for node in membership.nodes}
    memo = work.memo(version=version, pve_name=membership.cluster_name or "", ips=ips)
    return FirstLook(memo, noted("signed_in", version=version, nodes=sorted(ips)))


def _gateway(work: Work) -> ClusterGateway:
    operation = work.operation
    params, proven = operation.params, operation.memo["proven"]
    secret = unseal(operation.secret.encrypted)
    endpoint = Endpoint(
        addresses=list(proven),
        credentials=Credentials(token_id=params["token_id"], token_secret=secret),
        ca_pem=params["ca_pem"] or None,
        fingerprints={} if params["ca_pem"] else proven,
    )
    return work.doors.to_endpoint(endpoint)


def _twin(pve_name: str, ips: dict[str, str], addresses: list[str]) -> Cluster | None:
    """A recorded cluster that is this one: same name in Proxmox and a node in common."""
    hosts = {ip for ip in ips.values() if ip} | {_host(address) for address in addresses}
    for cluster in Cluster.objects.filter(pve_name=pve_name):
        theirs = {_host(a) for a in (*cluster.addresses, *cluster.found_addresses)}
        if hosts & (theirs | set(cluster.nodes.values_list("ip", flat=True))):
            return cluster
    return None


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def checking_rights(work: Work) -> None:
    """Compare the token's privileges with what the panel needs, and record the cluster."""
    cluster = tried_cluster(work)
    if cluster is None:
        return
    try:
        with transaction.atomic():
            cluster.save()
            if "ssh" in work.operation.params:
                pins = work.operation.memo["ssh_pins"]
                ssh_access_steps.record_access(cluster, work.operation, pins)
            _succeed(work, cluster)
    except IntegrityError:
        work.fail(CLUSTER_EXISTS(name=cluster.name))


def tried_cluster(work: Work) -> Cluster | None:
    """The cluster as it was found, not saved; None: refused, and the operation has failed."""
    operation = work.operation
    try:
        with closing(_gateway(work)) as gateway:
            rights = gateway.permissions()
            lacking = privileges.missing(rights)
            vital = [need.privilege for need in lacking if need.is_vital]
            if vital:
                work.fail(outcomes.TOKEN_SEES_NOTHING(privileges=", ".join(vital)))
                return None
            fingerprints = _fingerprints(operation, gateway)
    except ClusterError as error:
        work.fail(outcomes.refused_sign_in(operation.params["token_id"], error))
        return None
    mode = Mode.OPERATE if privileges.may_operate(rights) else Mode.WATCH
    return _new_cluster(operation, mode, [need.privilege for need in lacking], fingerprints)


def _succeed(work: Work, cluster: Cluster) -> None:
    publish([(cluster.name, HintKind.CLUSTER, cluster.name)])
    work.commit(
        noted(
            "cluster_added",
            cluster=cluster.name,
            mode=str(cluster.mode),
            missing=cluster.missing_privileges,
        ),
        state=State.SUCCEEDED,
        percent=100.0,
        cluster=cluster,
    )


def _fingerprints(operation: Operation, gateway: ClusterGateway) -> dict[str, str]:
    """What each node proves itself with, as the confirmed node tells it; empty with a CA."""
    if operation.params["ca_pem"]:
        return {}
    proven: dict[str, str] = operation.memo["proven"]
    told = gateway.node_fingerprints()
    ips: dict[str, str] = operation.memo["ips"]
    hosts = {_host(address) for address in proven}
    others = {
        node_url(ips[node], operation): fingerprint
        for node, fingerprint in told.items()
        if ips.get(node) and ips[node] not in hosts
    }
    return {**others, **proven}


def node_url(ip: str, operation: Operation) -> str:
    """Where another node answers: all nodes listen on the port that the first address names."""
    port = urlsplit(operation.params["addresses"][0]).port or DEFAULT_PORT
    return f"https://[{ip}]:{port}" if ":" in ip else f"https://{ip}:{port}"


def _new_cluster(
    operation: Operation, mode: Mode, missing: list[str], fingerprints: dict[str, str]
) -> Cluster:
    params, memo = operation.params, operation.memo
    seeds: list[str] = list(memo["proven"])
    hosts = {_host(address) for address in seeds}
    found = [node_url(ip, operation) for ip in memo["ips"].values() if ip and ip not in hosts]
    return Cluster(
        name=params["name"],
        addresses=seeds,
        found_addresses=[url for url in found if params["ca_pem"] or url in fingerprints],
        ca_pem=params["ca_pem"],
        fingerprints=fingerprints,
        token_id=params["token_id"],
        encrypted_secret=operation.secret.encrypted,
        mode=mode,
        missing_privileges=missing,
        time_scale=params["time_scale"],
        pve_version=memo["version"],
        pve_name=memo["pve_name"],
    )


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.CONNECTING: connecting,
    Step.SIGNING_IN: signing_in,
    Step.CHECKING_SSH: checking_ssh,
    Step.CHECKING_RIGHTS: checking_rights,
}
