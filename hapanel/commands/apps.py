from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "hapanel.commands"
    label = "commands"

    def ready(self) -> None:
        # Importing the checks registers them; each command of ours runs them first.
        from hapanel import checks  # noqa: F401
