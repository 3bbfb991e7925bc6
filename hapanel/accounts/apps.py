from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "hapanel.accounts"
    label = "accounts"
