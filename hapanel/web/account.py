"""Signing in and out, one's own account: password, API tokens, language and theme."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from hapanel.access import Permission
from hapanel.accounts.models import ApiToken, Theme, User
from hapanel.accounts.people import change_password
from hapanel.accounts.tokens import issue_token, revoke_token
from hapanel.kernel.refusal import Refused
from hapanel.ui.forms import dress
from hapanel.ui.guard import requires
from hapanel.web.asker import page_actor, signed_in
from hapanel.web.forms import PasswordForm, TokenForm

YEAR = 365 * 24 * 3600


class SignInForm(AuthenticationForm):
    """Name and password in the panel's look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field.widget)


class SignInView(LoginView):
    """The sign-in page; open to everybody, throttled by django-axes."""

    template_name = "web/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


sign_in = SignInView.as_view()
sign_out = LogoutView.as_view()


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep language or theme, in the account and in a cookie for the pages before the sign-in."""
    response = HttpResponseRedirect(_next_of(request))
    language, theme = request.POST.get("language"), request.POST.get("theme")
    changed = []
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, YEAR, samesite="Lax")
        changed.append("language")
    if theme in Theme.values:
        response.set_cookie("theme", theme, YEAR, samesite="Lax")
        changed.append("theme")
    user = request.user
    if isinstance(user, User) and changed:
        for field in changed:
            setattr(user, field, request.POST[field])
        user.save(update_fields=changed)
    return response


def _next_of(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if allowed else "/"


@requires(Permission.OWN_ACCOUNT)
def account(request: HttpRequest) -> HttpResponse:
    """One's own role, tokens and password."""
    return _account_page(request, TokenForm(), PasswordForm())


def _account_page(
    request: HttpRequest,
    token_form: TokenForm,
    password_form: PasswordForm,
    *,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "tokens": ApiToken.objects.filter(user=signed_in(request)),
        "token_form": token_form,
        "password_form": password_form,
        "secret": secret,
        "section": "account",
    }
    response = render(request, "web/account.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@requires(Permission.OWN_ACCOUNT)
@require_POST
def create_token(request: HttpRequest) -> HttpResponse:
    """Make an API token and show its secret, this once."""
    form, secret = TokenForm(request.POST), ""
    if form.is_valid():
        try:
            _, secret = issue_token(
                signed_in(request), form.cleaned_data["name"], page_actor(request)
            )
            form = TokenForm()
        except Refused as refused:
            form.refuse(refused)
    return _account_page(request, form, PasswordForm(), secret=secret, status=form.status)


@requires(Permission.OWN_ACCOUNT)
@require_POST
def withdraw_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Revoke one of one's own API tokens, at once."""
    token = get_object_or_404(ApiToken, pk=token_id, user=signed_in(request))
    revoke_token(token, page_actor(request))
    messages.success(request, gettext("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("account")


@requires(Permission.OWN_ACCOUNT)
@require_POST
def own_password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; other sessions of the account end."""
    user = signed_in(request)
    form = PasswordForm(request.POST)
    if form.is_valid() and form.matches(user):
        try:
            change_password(user, form.cleaned_data["new"], page_actor(request))
        except Refused as refused:
            form.refuse(refused)
        else:
            update_session_auth_hash(request, user)
            messages.success(
                request, gettext("The password is changed. Other sessions are signed out.")
            )
            return redirect("account")
    return _account_page(request, TokenForm(), form, status=422)
