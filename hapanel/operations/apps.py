from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "hapanel.operations"
    label = "operations"
