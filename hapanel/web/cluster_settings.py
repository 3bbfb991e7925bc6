"""Settings > Clusters: how each is reached, what its token lacks, adding and removing one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST
from redis.exceptions import RedisError

from hapanel.access import Permission, may
from hapanel.kernel.refusal import Refused
from hapanel.observe.pace import read_pace
from hapanel.operations.add_cluster import request_add_cluster
from hapanel.operations.asking import page_asker
from hapanel.operations.change_cluster import request_change_cluster
from hapanel.operations.models import Kind, Operation
from hapanel.operations.remove_cluster import remove_cluster
from hapanel.operations.wishes import ClusterChange, NewCluster
from hapanel.ports.cluster_gateway import MOST_READS, MOST_WRITES
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.web.asker import page_actor
from hapanel.web.forms import ClusterChangeForm, ClusterForm, SshForm
from hapanel.web.privileges import (
    FINGERPRINT_COMMAND,
    missing_of,
    operate_commands,
    watch_commands,
)
from hapanel.web.ssh_facts import ssh_form_of, ssh_of
from nodes.models import Cluster
from nodes.selectors import cluster_named
from nodes.upstream import Asked, asked_of

SETTINGS = {"section": "settings", "settings_section": "clusters"}


@requires(Permission.SEE_SETTINGS)
def cluster_list(request: HttpRequest) -> HttpResponse:
    """All clusters with how they are reached."""
    context = {
        "clusters": Cluster.objects.order_by("name").defer("ca_pem", "encrypted_secret"),
        "may_change": may(request.user, Permission.CHANGE_CLUSTERS),
        **SETTINGS,
    }
    return fragment(request, "web/cluster_settings.html", context, "cluster-rows")


@requires(Permission.SEE_SETTINGS)
def cluster_detail(request: HttpRequest, cluster: str) -> HttpResponse:
    """One cluster: addresses, token, missing privileges, how much it is asked."""
    found = cluster_named(cluster)
    return detail(request, found, ClusterChangeForm(), ssh_form_of(request, found))


def detail(
    request: HttpRequest, found: Cluster, form: ClusterChangeForm, ssh_form: SshForm
) -> HttpResponse:
    """The page with these forms."""
    context = {
        "form": form,
        "ssh_form": ssh_form,
        "ssh": ssh_of(found),
        "cluster": found,
        "stale": found.is_stale(),
        "missing": missing_of(found.missing_privileges),
        "asking": _asking(found),
        "found": [a for a in found.found_addresses if a not in found.addresses],
        "may_change": may(request.user, Permission.CHANGE_CLUSTERS),
        **SETTINGS,
    }
    status = max(form.status, ssh_form.status)
    return fragment(
        request, "web/cluster_setting.html", context, "cluster-reach", "cluster-ssh", status=status
    )


@dataclass(frozen=True, slots=True)
class Asking:
    """How politely a cluster is asked; the last three only while it is left alone after failures.

    most: how many reads and writes at once it is asked at the very most.
    """

    asked: Asked
    most: int
    failures: int = 0
    since: datetime | None = None
    again_at: datetime | None = None


def _asking(cluster: Cluster) -> Asking | None:
    """None while Redis is away, which knows it."""
    try:
        asked, pace = asked_of(cluster), read_pace(cluster.pk)
    except RedisError:
        return None
    most = MOST_READS + MOST_WRITES
    if not pace.is_resting(cluster):
        return Asking(asked, most)
    since, again = (datetime.fromtimestamp(at, UTC) for at in (pace.failing_since, pace.rest_until))
    return Asking(asked, most, pace.failures, since, again if again > timezone.now() else None)


@requires(Permission.CHANGE_CLUSTERS)
@require_http_methods(["GET", "POST"])
def add_cluster(request: HttpRequest) -> HttpResponse:
    """Commands that make a token, and the form that takes it; the operation shows the rest."""
    form = ClusterForm(request.POST or None, initial=_tried(request))
    if form.is_valid():
        try:
            operation = request_add_cluster(_wanted(form), page_asker(request))
        except Refused as refused:
            form.refuse(refused)
        else:
            # Whoever follows it ends at the new cluster's overview or ssh (web.history.operation).
            follow = "ssh" if form.cleaned_data["then_ssh"] else "1"
            return redirect(f"{operation.get_absolute_url()}?follow={follow}")
    context = {
        "form": form,
        "watch_commands": "\n".join(watch_commands()),
        "operate_commands": "\n".join(operate_commands()),
        "fingerprint_command": FINGERPRINT_COMMAND,
        **SETTINGS,
    }
    return render(request, "web/add_cluster.html", context, status=form.status)


def _wanted(form: ClusterForm) -> NewCluster:
    told = form.cleaned_data
    return NewCluster(
        name=told["name"],
        addresses=tuple(told["addresses"].split()),
        token_id=told["token_id"],
        token_secret=told["token_secret"],
        ca_pem=told["ca_pem"],
        fingerprint=told["fingerprint"],
    )


def _tried(request: HttpRequest) -> dict[str, Any]:
    """What an earlier try was made with, so that only what was wrong is typed again."""
    number = request.GET.get("from", "")
    if not number.isdecimal():
        return {}
    earlier = Operation.objects.filter(pk=int(number[:18]), kind=Kind.ADD_CLUSTER).first()
    if earlier is None:
        return {}
    asked = earlier.params
    seen = ((earlier.outcome or {}).get("params") or {}).get("seen", "")
    return {
        "name": asked.get("name", ""),
        "addresses": "\n".join(asked.get("addresses", [])),
        "token_id": asked.get("token_id", ""),
        "ca_pem": asked.get("ca_pem", ""),
        "fingerprint": seen or asked.get("fingerprint", ""),
    }


@requires(Permission.CHANGE_CLUSTERS)
@require_POST
def change_cluster(request: HttpRequest, cluster: str) -> HttpResponse:
    """Try another way to reach the cluster; what works now stays until that succeeded."""
    found = get_object_or_404(Cluster, name=cluster)
    form = ClusterChangeForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        change = ClusterChange(**{**told, "addresses": tuple(told["addresses"].split())})
        try:
            return redirect(request_change_cluster(found, change, page_asker(request)))
        except Refused as refused:
            form.refuse(refused)
    return detail(request, found, form, ssh_form_of(request, found))


@requires(Permission.CHANGE_CLUSTERS)
@require_POST
def forget_cluster(request: HttpRequest, cluster: str) -> HttpResponse:
    """Remove the cluster's record after its name was typed; the cluster itself is not touched."""
    found = cluster_named(cluster)
    if request.POST.get("name", "").strip() != found.name:
        messages.error(request, gettext("The name was not typed rightly. Nothing was removed."))
        return redirect("cluster-setting", found.name)
    try:
        remove_cluster(found, page_actor(request))
    except Refused as refused:
        for refusal in refused.refusals:
            messages.error(request, f"{refusal.because(gettext)} {refusal.remedy(gettext)}")
        return redirect("cluster-setting", found.name)
    messages.success(request, gettext("%(name)s is not watched any more.") % {"name": found.name})
    return redirect("cluster-settings")
