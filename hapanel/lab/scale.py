"""Scenario `scale`: a cluster of any size, made up; the same numbers give the same cluster."""

import random
from collections.abc import Iterator

from hapanel.lab.names import Kind
from hapanel.lab.scenario import GuestSpec, NodeSpec, Scenario, StorageSpec

NAME = "scale"
NODES, GUESTS = 32, 10_000
MOST_NODES, MOST_GUESTS = 64, 20_000
FIRST_VMID = 100
RUNNING_SHARE = 0.85
ONE_UNDER_HA_IN = 10
WHAT = ("siakad", "elearning", "library", "mail", "portal", "journal", "cbt", "backup")
TAGS = ("prod;web", "db;prod", "test", None)


def made_up(nodes: int = NODES, guests: int = GUESTS) -> Scenario:
    """`guests` on `nodes`, one in ten under HA; disks lie on one storage that all nodes share."""
    luck = random.Random(1)
    names = [f"node{number:02d}" for number in range(1, nodes + 1)]
    return Scenario(
        cluster=NAME,
        nodes=[NodeSpec(name, cores=192, memory_gib=1024, disk_gib=960) for name in names],
        storages=list(_storages()),
        guests=[_guest(luck, number, names) for number in range(guests)],
    )


def _storages() -> Iterator[StorageSpec]:
    yield StorageSpec("local", "dir", "iso,vztmpl,backup", total_gib=94, path="/var/lib/vz")
    yield StorageSpec("ceph", "rbd", "images,rootdir", shared=True, total_gib=400_000)


def _guest(luck: random.Random, number: int, nodes: list[str]) -> GuestSpec:
    running = luck.random() < RUNNING_SHARE
    return GuestSpec(
        vmid=FIRST_VMID + number,
        kind=Kind.QEMU if luck.random() < 0.6 else Kind.LXC,
        name=f"{luck.choice(WHAT)}-{number:05d}",
        node=luck.choice(nodes),
        memory_mib=luck.choice((512, 1024, 2048, 4096)),
        disk_gib=luck.choice((8, 16, 32)),
        cores=luck.choice((1, 2, 4)),
        storage="ceph",
        running=running,
        ha=running and number % ONE_UNDER_HA_IN == 0,
        tags=luck.choice(TAGS),
    )
