"""The tree of clusters, nodes and guests, with as many guests as a reader can look over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext, pgettext

from hapanel.drbd.findings import ALWAYS_DANGER
from hapanel.ha.readiness.judge import Headline
from hapanel.ha.verdict import Code, Level
from hapanel.operations.models import OPEN_STATES, Operation
from hapanel.operations.readiness import headline_of
from hapanel.ui.replication_states import health_word
from hapanel.ui.states import Shown, guest_shown, node_shown
from nodes.models import Cluster, DrbdResource, Node
from vms.models import Guest

# A node opens by itself in a cluster of up to this many guests; larger ones are opened by hand.
SMALL_CLUSTER = 60
GUESTS_PER_NODE = 100
FOUND_GUESTS = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the tree the reader stands; blank and None for nowhere."""

    cluster: str = ""
    node: str = ""
    vmid: int | None = None

    @property
    def opens(self) -> str:
        """The branch that is open because the reader stands on a leaf of it."""
        return f"{self.cluster}/{self.node}" if self.vmid is not None else ""


@dataclass(frozen=True, slots=True)
class TreeGuest:
    """A leaf."""

    vmid: int
    name: str
    icon: str
    shown: Shown
    is_here: bool


@dataclass(slots=True)
class TreeNode:
    """A branch of guests. `guests` is filled only while it is open; `more` are left out."""

    name: str
    key: str
    shown: Shown
    is_open: bool
    is_here: bool
    guest_count: int = 0
    guests: list[TreeGuest] = field(default_factory=list)
    more: int = 0


@dataclass(slots=True)
class TreeCluster:
    """A branch of nodes."""

    name: str
    shown: Shown
    is_open: bool
    is_here: bool
    nodes: list[TreeNode] = field(default_factory=list)


def read_toggles(cookie: str) -> dict[str, bool]:
    """`+clusterubd/slave,-campus` as key -> open; whatever else a cookie holds is ignored."""
    entries = unquote(cookie).split(",")
    return {entry[1:]: entry[0] == "+" for entry in entries if entry[:1] in {"+", "-"}}


def tree(
    clusters: Sequence[Cluster], place: Place, toggled: str, query: str = ""
) -> list[TreeCluster]:
    """All clusters and nodes, guests where a branch is open; with `query` what matches it."""
    toggles = read_toggles(toggled)
    nodes = _nodes_by_cluster(clusters)
    counts = _guest_counts(clusters)
    moving = set(
        Operation.objects.filter(state__in=OPEN_STATES, vmid__isnull=False)
        .order_by()
        .values_list("cluster_id", "vmid")
    )
    branches = [_branch(c, nodes[c.pk], counts, toggles, place, query) for c in clusters]
    _mark_replication(clusters, branches)
    _fill(clusters, branches, moving, place, query)
    if query:
        branches = [b for b in branches if b.nodes or query.lower() in b.name.lower()]
    return branches


def _nodes_by_cluster(clusters: Iterable[Cluster]) -> Mapping[int, list[Node]]:
    found: dict[int, list[Node]] = defaultdict(list)
    for node in Node.objects.filter(cluster__in=[c.pk for c in clusters]).order_by("name"):
        found[node.cluster_id].append(node)
    return found


def _guest_counts(clusters: Iterable[Cluster]) -> dict[tuple[int, str], int]:
    rows = (
        Guest.objects.filter(cluster__in=[c.pk for c in clusters], gone_at=None)
        .order_by()
        .values_list("cluster_id", "node")
        .annotate(n=Count("id"))
    )
    return {(cluster, node): n for cluster, node, n in rows}


def _branch(
    cluster: Cluster,
    nodes: list[Node],
    counts: Mapping[tuple[int, str], int],
    toggles: Mapping[str, bool],
    place: Place,
    query: str,
) -> TreeCluster:
    total = sum(n for (pk, _), n in counts.items() if pk == cluster.pk)
    is_small = total <= SMALL_CLUSTER
    is_current = cluster.name == place.cluster
    opens_alone = is_small and not place.cluster
    branch = TreeCluster(
        name=cluster.name,
        shown=headline_shown(headline_of(cluster, nodes)),
        is_open=bool(query) or toggles.get(cluster.name, is_current or opens_alone),
        is_here=is_current and not place.node and place.vmid is None,
    )
    opens = {place.opens} | ({f"{cluster.name}/{n.name}" for n in nodes} if is_small else set())
    branch.nodes = [
        TreeNode(
            name=node.name,
            key=(key := f"{cluster.name}/{node.name}"),
            shown=node_shown(node.status, stale=cluster.is_stale()),
            is_open=bool(query) or toggles.get(key, key in opens),
            is_here=is_current and place.vmid is None and node.name == place.node,
            guest_count=counts.get((cluster.pk, node.name), 0),
        )
        for node in nodes
    ]
    return branch


def _mark_replication(clusters: Sequence[Cluster], branches: Sequence[TreeCluster]) -> None:
    """A danger of replication is one of the cluster, as on its overview."""
    dangers = dict(
        DrbdResource.objects.filter(
            cluster__in=[c.pk for c in clusters],
            cluster__ssh__is_on=True,
            health__in=[code.value for code in ALWAYS_DANGER],
        ).values_list("cluster_id", "health")
    )
    for cluster, branch in zip(clusters, branches, strict=True):
        if cluster.pk in dangers:
            branch.shown = Shown("danger", health_word(dangers[cluster.pk]))


def headline_shown(headline: Headline) -> Shown:
    """A cluster in one mark: as bad as the sentence on its overview."""
    words = {
        Level.OK: gettext("would survive a loss"),
        Level.WARN: gettext("at risk"),
        Level.DANGER: gettext("needs attention"),
        Level.UNKNOWN: pgettext("a node or guest", "not seen"),
    }
    if headline.code == Code.NOT_QUORATE:
        return Shown(headline.level.value, gettext("no quorum"))
    return Shown(headline.level.value, words[headline.level])


def _fill(
    clusters: Sequence[Cluster],
    branches: Sequence[TreeCluster],
    moving: Collection[tuple[int | None, int | None]],
    place: Place,
    query: str,
) -> None:
    by_pk = {c.pk: c for c in clusters}
    leaves: dict[tuple[int, str], list[Guest]] = defaultdict(list)
    for guest in _guests(clusters, branches, query):
        leaves[guest.cluster_id, guest.node].append(guest)
    for cluster, branch in zip(clusters, branches, strict=True):
        stale = by_pk[cluster.pk].is_stale()
        for node in branch.nodes:
            found = leaves[cluster.pk, node.name]
            node.guests = [
                _leaf(g, stale, (cluster.pk, g.vmid) in moving, cluster.name, place)
                for g in found[:GUESTS_PER_NODE]
            ]
            if node.is_open and not query:
                node.more = max(0, node.guest_count - len(node.guests))
        if query:
            branch.nodes = [n for n in branch.nodes if n.guests or query.lower() in n.name.lower()]


def _guests(
    clusters: Sequence[Cluster], branches: Sequence[TreeCluster], query: str
) -> Iterable[Guest]:
    wanted: QuerySet[Guest] = Guest.objects.filter(gone_at=None).only(
        "cluster_id", "vmid", "type", "name", "node", "status", "lock", "ha_state", "template"
    )
    if query:
        match = Q(name__icontains=query) | Q(tags__icontains=query)
        if query.isdigit():
            match |= Q(vmid__startswith=query)
        return wanted.filter(match).order_by("cluster_id", "vmid")[:FOUND_GUESTS]
    open_nodes = Q(pk__in=[])
    for cluster, branch in zip(clusters, branches, strict=True):
        names = [node.name for node in branch.nodes if node.is_open and branch.is_open]
        if names:
            open_nodes |= Q(cluster_id=cluster.pk, node__in=names)
    return wanted.filter(open_nodes).order_by("cluster_id", "vmid")[: 5 * GUESTS_PER_NODE]


def _leaf(guest: Guest, stale: bool, moving: bool, cluster: str, place: Place) -> TreeGuest:
    return TreeGuest(
        vmid=guest.vmid,
        name=guest.name,
        icon="vm" if guest.type == "qemu" else "ct",
        shown=guest_shown(guest, stale=stale, moving=moving),
        is_here=place.cluster == cluster and place.vmid == guest.vmid,
    )
