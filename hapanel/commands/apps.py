from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "hapanel.commands"
    label = "commands"
