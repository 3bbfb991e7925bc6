from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "hapanel.audit"
    label = "audit"
