from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "hapanel.accounts"
    label = "accounts"

    def ready(self) -> None:
        # Models and signals can be named only once the registry is complete.
        from hapanel.accounts import sign_ins
        from hapanel.accounts.roles import make_groups

        post_migrate.connect(make_groups, sender=self, dispatch_uid="roles")
        sign_ins.connect()
