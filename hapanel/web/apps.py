from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "hapanel.web"
    label = "web"
