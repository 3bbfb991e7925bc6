"""Privileges and built-in roles of PVE 9.2 (GET /access/roles of the recordings)."""

_AUDIT = (
    "Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit",
    "VM.GuestAgent.Audit",
)  # fmt: skip

_VM_USER = (
    "VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console",
    "VM.GuestAgent.Audit", "VM.GuestAgent.FileRead", "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite", "VM.PowerMgmt",
)  # fmt: skip

_VM_ADMIN = (
    *_VM_USER, "VM.Allocate", "VM.Clone", "VM.Config.CPU", "VM.Config.Disk", "VM.Config.HWType",
    "VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.GuestAgent.Unrestricted",
    "VM.Migrate", "VM.Replicate", "VM.Snapshot", "VM.Snapshot.Rollback",
)  # fmt: skip

_DATASTORE_ADMIN = (
    "Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate",
    "Datastore.Audit",
)  # fmt: skip

_SDN_ADMIN = ("SDN.Allocate", "SDN.Audit", "SDN.Use")
_SYS_ADMIN = ("Sys.Audit", "Sys.Console", "Sys.Syslog")
_USER_ADMIN = ("Group.Allocate", "Realm.AllocateUser", "User.Modify")
_POOL_ADMIN = ("Pool.Allocate", "Pool.Audit")

_ADMIN = (
    *_VM_ADMIN, *_DATASTORE_ADMIN, *_SDN_ADMIN, *_SYS_ADMIN, *_USER_ADMIN, *_POOL_ADMIN,
    "Mapping.Audit", "Mapping.Use",
)  # fmt: skip

_ROOT_ONLY = (
    "Mapping.Modify", "Permissions.Modify", "Realm.Allocate", "Sys.AccessNetwork", "Sys.Incoming",
    "Sys.Modify", "Sys.PowerMgmt",
)  # fmt: skip

ALL_PRIVILEGES = frozenset((*_ADMIN, *_ROOT_ONLY))

NO_ACCESS = "NoAccess"

BUILT_IN_ROLES: dict[str, frozenset[str]] = {
    "Administrator": ALL_PRIVILEGES,
    NO_ACCESS: frozenset(),
    "PVEAdmin": frozenset(_ADMIN),
    "PVEAuditor": frozenset(_AUDIT),
    "PVEDatastoreAdmin": frozenset(_DATASTORE_ADMIN),
    "PVEDatastoreUser": frozenset(("Datastore.AllocateSpace", "Datastore.Audit")),
    "PVEMappingAdmin": frozenset(("Mapping.Audit", "Mapping.Modify", "Mapping.Use")),
    "PVEMappingUser": frozenset(("Mapping.Audit", "Mapping.Use")),
    "PVEPoolAdmin": frozenset(_POOL_ADMIN),
    "PVEPoolUser": frozenset(("Pool.Audit",)),
    "PVESDNAdmin": frozenset(_SDN_ADMIN),
    "PVESDNUser": frozenset(("SDN.Audit", "SDN.Use")),
    "PVESysAdmin": frozenset(_SYS_ADMIN),
    "PVETemplateUser": frozenset(("VM.Audit", "VM.Clone")),
    "PVEUserAdmin": frozenset(_USER_ADMIN),
    "PVEVMAdmin": frozenset(_VM_ADMIN),
    "PVEVMUser": frozenset(_VM_USER),
}

# What POST /access/ticket lists under `cap`: group -> (path asked, prefixes or names).
CAPABILITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "vms": ("/vms", ("VM.", "Permissions.Modify")),
    "storage": ("/storage", ("Datastore.", "Permissions.Modify")),
    "access": ("/access", ("User.Modify", "Permissions.Modify", "Group.Allocate")),
    "nodes": ("/nodes", ("Sys.", "Permissions.Modify")),
    "sdn": ("/sdn", ("SDN.", "Permissions.Modify")),
    "mapping": ("/mapping", ("Mapping.", "Permissions.Modify")),
    "dc": ("/", ("Sys.Audit", "Sys.Modify", "SDN.")),
}
