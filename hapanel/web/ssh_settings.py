"""Settings > Clusters > ssh: trying, changing and switching off the way to the nodes."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from hapanel.access import Permission
from hapanel.kernel.refusal import Refused
from hapanel.operations.asking import page_asker
from hapanel.operations.ssh_access import request_ssh_access
from hapanel.operations.ssh_key import make_ssh_key
from hapanel.operations.wishes import SshWish
from hapanel.ui.guard import requires
from hapanel.web.asker import page_actor
from hapanel.web.cluster_settings import detail
from hapanel.web.forms import ClusterChangeForm, SshForm
from hapanel.web.ssh_facts import ssh_form_of
from nodes.models import Cluster


@requires(Permission.CHANGE_CLUSTERS)
@require_POST
def change_ssh(request: HttpRequest, cluster: str) -> HttpResponse:
    """Try the nodes over ssh as told, or switch ssh off; what is recorded follows the operation."""
    found = get_object_or_404(Cluster, name=cluster)
    form = SshForm(request.POST)
    is_off = "off" in request.POST
    if is_off or form.is_valid():
        wish = SshWish(is_on=False) if is_off else _wish(form)
        try:
            return redirect(request_ssh_access(found, wish, page_asker(request)))
        except Refused as refused:
            form.refuse(refused)
    return detail(request, found, ClusterChangeForm(), form)


@requires(Permission.CHANGE_CLUSTERS)
@require_POST
def make_key(request: HttpRequest, cluster: str) -> HttpResponse:
    """Make the panel a key of its own for the cluster; the page then shows its public half."""
    found = get_object_or_404(Cluster, name=cluster)
    try:
        make_ssh_key(found, page_actor(request))
    except Refused as refused:
        form = SshForm(ssh_form_of(request, found).initial)
        form.refuse(refused)
        return detail(request, found, ClusterChangeForm(), form)
    return redirect(f"{reverse('cluster-setting', args=[cluster])}#ssh")


def _wish(form: SshForm) -> SshWish:
    told = form.cleaned_data
    # A browser sends CRLF; an OpenSSH key ends with a line feed.
    key = told["ssh_key"].replace("\r\n", "\n").strip()
    return SshWish(
        user=told["ssh_user"],
        private_key=f"{key}\n" if key else "",
        port=told["ssh_port"],
        host_keys=tuple(told["ssh_host_keys"].split()),
    )
