from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "hapanel.live"
    label = "live"
