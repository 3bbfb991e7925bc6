"""CPU models that QEMU offers to guests, by vendor (GET .../capabilities/qemu/cpu)."""

MODELS: dict[str, tuple[str, ...]] = {
    "default": (
        "host", "kvm32", "kvm64", "max", "qemu32", "qemu64", "x86-64-v2", "x86-64-v2-AES",
        "x86-64-v3", "x86-64-v4",
    ),
    "AuthenticAMD": (
        "EPYC", "EPYC-Genoa", "EPYC-IBPB", "EPYC-Milan", "EPYC-Milan-v2", "EPYC-Rome",
        "EPYC-Rome-v2", "EPYC-Rome-v3", "EPYC-Rome-v4", "EPYC-v3", "EPYC-v4", "Opteron_G1",
        "Opteron_G2", "Opteron_G3", "Opteron_G4", "Opteron_G5", "athlon", "phenom",
    ),
    "GenuineIntel": (
        "486", "Broadwell", "Broadwell-IBRS", "Broadwell-noTSX", "Broadwell-noTSX-IBRS",
        "Cascadelake-Server", "Cascadelake-Server-noTSX", "Conroe", "Cooperlake",
        "GraniteRapids", "Haswell", "Haswell-IBRS", "Haswell-noTSX", "Haswell-noTSX-IBRS",
        "Icelake-Client", "Icelake-Server", "Icelake-Server-noTSX", "IvyBridge",
        "IvyBridge-IBRS", "KnightsMill", "Nehalem", "Nehalem-IBRS", "Penryn", "SandyBridge",
        "SandyBridge-IBRS", "SapphireRapids", "Skylake-Client", "Skylake-Client-IBRS",
        "Skylake-Server", "Skylake-Server-IBRS", "Westmere", "Westmere-IBRS", "core2duo",
        "coreduo", "pentium", "pentium2", "pentium3",
    ),
}  # fmt: skip
