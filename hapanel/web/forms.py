"""Shapes of what people send to the pages of this room."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.access import Role
from hapanel.accounts.models import User
from hapanel.ui.forms import PanelForm


class TokenForm(PanelForm):
    """The name of a new API token."""

    name = forms.CharField(
        label=_("Name of the new token"),
        max_length=64,
        help_text=_("Say what will use it, such as “night script on the backup host”."),
    )


class PasswordForm(PanelForm):
    """The present password and the new one."""

    old = forms.CharField(
        label=_("Present password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=_("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def matches(self, user: User) -> bool:
        """Whether the present password is right; says so at its field when it is not."""
        if user.check_password(self.cleaned_data["old"]):
            return True
        self.add_error("old", gettext("This is not your present password."))
        return False


ROLES = [
    (Role.HELP_DESK.value, _("help desk")),
    (Role.OPERATOR.value, _("operator")),
    (Role.ADMINISTRATOR.value, _("administrator")),
]


class PersonForm(PanelForm):
    """A new account."""

    username = forms.CharField(
        label=_("Name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label=_("First password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=ROLES)


class RoleForm(PanelForm):
    """The role of one account."""

    role = forms.ChoiceField(label=_("Role"), choices=ROLES)

    @classmethod
    def of(cls, user: User) -> RoleForm:
        """The form with what `user` has now; ids that are unique on a page of many."""
        role = user.role.value if user.role else None
        return cls(initial={"role": role}, auto_id=f"role-{user.pk}-%s")


class ClusterChangeForm(PanelForm):
    """Another way to reach a cluster; what is left empty stays as it is."""

    addresses = forms.CharField(
        label=_("Addresses"),
        required=False,
        max_length=2000,
        help_text=_("One per line."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    token_id = forms.CharField(label=_("Token id"), required=False, max_length=200)
    token_secret = forms.CharField(
        label=_("Token secret"),
        required=False,
        max_length=200,
        help_text=_("Only for a new token, or when its secret was made anew."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    fingerprint = forms.CharField(
        label=_("SHA-256 fingerprint of the certificate"),
        required=False,
        max_length=110,
        help_text=_("Only when the certificate changed and you compared it on the node."),
    )


class SshForm(PanelForm):
    """How a cluster's nodes are reached over ssh; an empty key leaves the recorded one."""

    ssh_user = forms.CharField(
        label=_("User"),
        max_length=32,
        help_text=_("Whose authorized_keys holds the panel's line, such as root."),
    )
    ssh_port = forms.IntegerField(label=_("Port"), min_value=1, max_value=65535, initial=22)
    ssh_key = forms.CharField(
        label=_("Private key"),
        required=False,
        max_length=20_000,
        help_text=_("Without a passphrase. It is kept encrypted and never shown."),
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off", "spellcheck": "false"}),
    )
    ssh_host_keys = forms.CharField(
        label=_("Confirmed host keys"),
        required=False,
        max_length=10_000,
        help_text=_("Empty: the panel shows each node's fingerprint to compare, one per line."),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )


class ClusterForm(PanelForm):
    """A new cluster: one address, one token, and whom to trust."""

    name = forms.CharField(
        label=_("Name"), max_length=63, help_text=_("How the panel calls it, such as clusterubd.")
    )
    addresses = forms.CharField(
        label=_("Address of a node"),
        max_length=2000,
        help_text=_("Such as https://pve1.example.org:8006. The others are found by themselves."),
        widget=forms.Textarea(attrs={"rows": 1}),
    )
    token_id = forms.CharField(
        label=_("Token id"), max_length=200, help_text=_("As printed: panel@pve!operate")
    )
    token_secret = forms.CharField(
        label=_("Token secret"),
        max_length=200,
        help_text=_("Printed once by the last command. It is kept encrypted and never shown."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    fingerprint = forms.CharField(
        label=_("SHA-256 fingerprint of the certificate"),
        required=False,
        max_length=110,
        help_text=_("Empty: the panel asks for it, sends nothing else, and shows it to compare."),
    )
    ca_pem = forms.CharField(
        label=_("Or the certificate authority, as PEM"),
        required=False,
        max_length=20_000,
        help_text=_("From /etc/pve/pve-root-ca.pem; then no fingerprint is needed."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    then_ssh = forms.BooleanField(
        label=_("The nodes run DRBD: then lead on to seeing replication over ssh"), required=False
    )
