"""The verb change_cluster, as a worker carries it out: tried like a new cluster, then recorded."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from hapanel.kernel.refusal import gettext_noop as _
from hapanel.kernel.refusal import refusal_kind
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations import add_cluster_steps
from hapanel.operations.models import State, Step
from hapanel.operations.work import Work, noted
from nodes.models import Cluster, Reach

OTHER_CLUSTER = refusal_kind(
    "other-cluster",
    _("What answers is the cluster %(seen)s, not %(known)s."),
    _("Add it as a cluster of its own; this one stays as it is."),
    field="addresses",
)
# What trying a cluster found out and what a person gave; everything else is observed.
CHANGED = (
    "addresses",
    "found_addresses",
    "ca_pem",
    "fingerprints",
    "token_id",
    "encrypted_secret",
    "mode",
    "missing_privileges",
    "pve_version",
)


def signing_in(work: Work) -> None:
    """As for a new cluster, but it has to be the one that is recorded."""
    membership = add_cluster_steps.first_look(work)
    if membership is None:
        return
    seen, known = membership.memo["pve_name"], work.cluster.pve_name
    nodes = set(work.cluster.nodes.values_list("name", flat=True))
    is_another = bool(nodes) and not nodes & set(membership.memo["ips"])
    if (known and seen != known) or is_another:
        seen = seen if seen != known else ", ".join(sorted(membership.memo["ips"]))
        work.fail(OTHER_CLUSTER(seen=seen or "-", known=known))
        return
    work.commit(membership.note, step=Step.CHECKING_RIGHTS, memo=membership.memo)


def checking_rights(work: Work) -> None:
    """Compare the token's privileges with what the panel needs, and record the change."""
    tried = add_cluster_steps.tried_cluster(work)
    if tried is None:
        return
    cluster = work.cluster
    values = {name: getattr(tried, name) for name in CHANGED}
    # Nobody has looked this way yet: so the next look comes at once, however long the old way
    # was to be left alone.
    values |= {"reach": Reach.NEVER, "reach_detail": ""}
    with transaction.atomic():
        Cluster.objects.filter(pk=cluster.pk).update(**values)
        publish([(cluster.name, HintKind.CLUSTER, cluster.name)])
        work.commit(
            noted(
                "cluster_changed",
                cluster=cluster.name,
                mode=str(tried.mode),
                missing=tried.missing_privileges,
            ),
            state=State.SUCCEEDED,
            percent=100.0,
        )


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.CONNECTING: add_cluster_steps.connecting,
    Step.SIGNING_IN: signing_in,
    Step.CHECKING_RIGHTS: checking_rights,
}
