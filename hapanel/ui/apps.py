from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "hapanel.ui"
    label = "ui"
