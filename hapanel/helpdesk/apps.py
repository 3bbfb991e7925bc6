from django.apps import AppConfig


class HelpdeskConfig(AppConfig):
    name = "hapanel.helpdesk"
    label = "helpdesk"
