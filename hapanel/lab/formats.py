"""Named formats of parameters with the complaint each makes (formats that PVE registers)."""

from typing import Any

NODE_NAME: dict[str, Any] = {
    "pattern": r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?",
    "invalid": "value does not look like a valid node name",
}
CONFIG_ID: dict[str, Any] = {
    "pattern": r"[A-Za-z][A-Za-z0-9_-]+",
    "invalid": "invalid configuration ID '{value}'",
}
STORAGE_ID: dict[str, Any] = {
    "pattern": r"[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]",
    "invalid": "storage ID '{value}' contains illegal characters",
}
USER_ID: dict[str, Any] = {
    "max_length": 64,
    "pattern": r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+",
    "invalid": "value '{value}' does not look like a valid user name",
}
GROUP_ID: dict[str, Any] = {
    "pattern": r"[A-Za-z0-9.\-_]+",
    "invalid": "group name '{value}' contains invalid characters",
}
ROLE_ID: dict[str, Any] = {
    "pattern": r"[A-Za-z0-9.\-_]+",
    "invalid": "role name '{value}' contains invalid characters",
}
POOL_ID: dict[str, Any] = {
    "pattern": r"[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+){0,2}",
    "invalid": "pool name '{value}' contains invalid characters",
}
VMID_LIST: dict[str, Any] = {
    "pattern": r"[1-9][0-9]{2,8}",
    "invalid": "value does not look like a valid VM ID",
    "many": True,
}
TOKEN_NAME: dict[str, Any] = {"pattern": r"[A-Za-z][A-Za-z0-9.\-_]+"}
HA_RESOURCE_OR_VMID: dict[str, Any] = {
    "pattern": r"[a-z]+:\S+|[1-9][0-9]{2,8}",
    "invalid": "value does not look like a valid ha resource id",
}
HA_RESOURCE_LIST: dict[str, Any] = {
    "pattern": r"[a-z]+:\S+",
    "invalid": "value does not look like a valid ha resource id",
    "many": True,
}
HA_NODE_LIST: dict[str, Any] = {
    "pattern": r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(:\d+)?",
    "invalid": "value does not look like a valid ha node specification",
    "many": True,
}
IP: dict[str, Any] = {
    "pattern": r"(\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+",
    "invalid": "value does not look like a valid IP address",
}
