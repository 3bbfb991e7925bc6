"""What may stand in an address: names and numbers that any database can be asked for."""

from __future__ import annotations

from django.urls import register_converter


class _Text:
    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return str(value)


class Name(_Text):
    """The name of a cluster or a node."""

    regex = "[A-Za-z0-9][A-Za-z0-9-]{0,62}"


class ServiceId(_Text):
    """An HA service id, such as vm:100."""

    regex = "[a-z]{1,8}:[A-Za-z0-9-]{1,31}"


class ResourceName(_Text):
    """The name of a DRBD resource."""

    regex = "[A-Za-z0-9][A-Za-z0-9._-]{0,126}"


class RuleName(_Text):
    """The name of an HA rule."""

    regex = "[A-Za-z][A-Za-z0-9_-]{1,127}"


class Number:
    """A record's number or a guest's id."""

    regex = "[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


def register() -> None:
    """Make `name`, `sid`, `rule` and `number` known to Django's addresses."""
    register_converter(Name, "name")
    register_converter(ServiceId, "sid")
    register_converter(ResourceName, "resource")
    register_converter(RuleName, "rule")
    register_converter(Number, "number")
