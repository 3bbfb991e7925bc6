"""Settings > People: accounts and their roles, changed by administrators."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from hapanel.access import Permission, Role, may
from hapanel.accounts.models import User
from hapanel.accounts.people import activate, create_person, deactivate, reset_password, set_role
from hapanel.kernel.refusal import Refused
from hapanel.ui.guard import requires
from hapanel.web.asker import page_actor
from hapanel.web.forms import PersonForm, RoleForm


@requires(Permission.SEE_SETTINGS)
def people(request: HttpRequest) -> HttpResponse:
    """All accounts; administrators may change them here."""
    return _people_page(request, PersonForm())


def _people_page(request: HttpRequest, form: PersonForm, password: str = "") -> HttpResponse:
    users = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    context = {
        "people": [(user, RoleForm.of(user)) for user in users],
        "form": form,
        "handed_over": password,
        "may_change": may(request.user, Permission.CHANGE_PEOPLE),
        "section": "settings",
        "settings_section": "people",
    }
    response = render(request, "web/people.html", context, status=form.status)
    response["Cache-Control"] = "no-store"
    return response


@requires(Permission.CHANGE_PEOPLE)
@require_POST
def new_person(request: HttpRequest) -> HttpResponse:
    """Create an account with a role."""
    form = PersonForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            user = create_person(
                told["username"], told["password"], Role(told["role"]), page_actor(request)
            )
        except Refused as refused:
            form.refuse(refused)
        else:
            messages.success(request, gettext("%(name)s can sign in now.") % {"name": user})
            return redirect("people")
    return _people_page(request, form)


@requires(Permission.CHANGE_PEOPLE)
@require_POST
def change_person(request: HttpRequest, user_id: int) -> HttpResponse:
    """Another role, off, on, or a new password, as the pressed button says."""
    user = get_object_or_404(User, pk=user_id)
    try:
        match request.POST.get("do"):
            case "role":
                form = RoleForm(request.POST)
                if not form.is_valid():
                    raise BadRequest("no such role")
                set_role(user, Role(form.cleaned_data["role"]), page_actor(request))
            case "deactivate":
                deactivate(user, page_actor(request))
            case "activate":
                activate(user, page_actor(request))
            case "password":
                return _people_page(request, PersonForm(), _new_password(request, user))
            case _:
                raise BadRequest("no such button")
    except Refused as refused:
        for refusal in refused.refusals:
            messages.error(request, f"{refusal.because(gettext)} {refusal.remedy(gettext)}")
    else:
        messages.success(request, gettext("Saved: %(name)s.") % {"name": user})
    return redirect("people")


def _new_password(request: HttpRequest, user: User) -> str:
    password = reset_password(user, page_actor(request))
    return gettext("New password of %(name)s: %(password)s") % {"name": user, "password": password}
