"""The gateway to Proxmox VE."""

from hapanel.gateways.proxmox.gateway import ProxmoxGateway
from hapanel.gateways.proxmox.patience import Timeouts
from hapanel.gateways.proxmox.trust import base_url, fetch_certificate

__all__ = ["ProxmoxGateway", "Timeouts", "base_url", "fetch_certificate"]
