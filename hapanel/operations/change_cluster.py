"""The verb change_cluster, as people ask for it: another way to reach a recorded cluster.

A worker tries it as if the cluster were new (`hapanel.operations.change_cluster_steps`); what is
recorded changes once every step succeeded, so a wrong token never takes a working cluster away.
"""

from __future__ import annotations

from hapanel.accounts.vault import seal
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations.add_cluster import (
    FINGERPRINT,
    INVALID_ADDRESS,
    INVALID_FINGERPRINT,
    INVALID_TOKEN,
    TOKEN_ID,
    base_url,
    normal_fingerprint,
)
from hapanel.operations.models import OPEN_STATES, Kind, Operation, SealedSecret
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker, ClusterChange
from nodes.models import Cluster

NOTHING_TO_CHANGE = refusal_kind(
    "nothing-to-change",
    _("Nothing that can be changed was given."),
    _("Give new addresses, a new token, a CA or a fingerprint."),
    status=422,
)
SECRET_NEEDED = refusal_kind(
    "token-secret-needed",
    _("Another token has another secret, and none was given."),
    _("Give the secret that Proxmox showed when the token was made."),
    status=422,
    field="token_secret",
)
ALREADY_CHANGING = refusal_kind(
    "cluster-being-changed",
    _("%(name)s is just being changed by operation %(operation)s."),
    _("Wait for its end."),
)


def request_change_cluster(
    cluster: Cluster,
    change: ClusterChange,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record that the cluster shall be tried with what is new. Raises Refused."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    refusals = [*_wrong_fields(cluster, change), *_in_the_way(cluster)]
    if refusals:
        return earlier_or_refuse(refusals, asker, idempotency_key, body_digest)
    operation = Operation(
        kind=Kind.CHANGE_CLUSTER,
        cluster=cluster,
        subject=cluster.name,
        params=_params(cluster, change),
    )
    secret = seal(change.token_secret) if change.token_secret else cluster.encrypted_secret

    def keep_secret(made: Operation) -> None:
        SealedSecret.objects.create(operation=made, encrypted=secret)

    return record_operation(
        operation,
        asker,
        idempotency_key=idempotency_key,
        body_digest=body_digest,
        after=keep_secret,
    )


def _params(cluster: Cluster, change: ClusterChange) -> dict[str, object]:
    """What the steps of adding a cluster read, filled up with what is recorded.

    A new CA or fingerprint replaces the trust that was; without one the recorded trust goes on.
    """
    addresses = [base_url(address) or address for address in change.addresses]
    keeps_trust = not change.ca_pem and not change.fingerprint
    return {
        "name": cluster.name,
        "addresses": addresses or cluster.addresses,
        "token_id": change.token_id or cluster.token_id,
        "ca_pem": cluster.ca_pem if keeps_trust else change.ca_pem,
        "fingerprint": normal_fingerprint(change.fingerprint),
        "known_fingerprints": sorted(set(cluster.fingerprints.values())) if keeps_trust else [],
        "time_scale": cluster.time_scale,
    }


def _wrong_fields(cluster: Cluster, change: ClusterChange) -> list[Refusal]:
    refusals = []
    if change == ClusterChange():
        refusals.append(NOTHING_TO_CHANGE())
    wrong = [address for address in change.addresses if base_url(address) is None]
    refusals += [INVALID_ADDRESS(address=address) for address in wrong]
    if change.token_id and not TOKEN_ID.fullmatch(change.token_id):
        refusals.append(INVALID_TOKEN(token=change.token_id))
    if change.token_id not in ("", cluster.token_id) and not change.token_secret:
        refusals.append(SECRET_NEEDED())
    if change.fingerprint and not FINGERPRINT.match(normal_fingerprint(change.fingerprint)):
        refusals.append(INVALID_FINGERPRINT())
    return refusals


def _in_the_way(cluster: Cluster) -> list[Refusal]:
    changing = Operation.objects.filter(
        kind=Kind.CHANGE_CLUSTER, state__in=OPEN_STATES, cluster=cluster
    ).first()
    return [ALREADY_CHANGING(name=cluster.name, operation=changing.pk)] if changing else []
