"""A Proxmox VE cluster in one program, for demos, tests and rehearsals. See docs/lab.md."""
