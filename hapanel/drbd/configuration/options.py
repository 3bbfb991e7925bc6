"""The options of each section, for DRBD 8 (8.3, 8.4) and 9: names, values, ranges.

Facts of the manual pages drbd.conf(5) of 8.4 and 9 and of DRBD's published limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag

from hapanel.drbd.configuration.values import Algorithm, Boolean, Choice, Number, Text, Value


class Syntax(Flag):
    """Which generation's configuration a word belongs to."""

    V8 = 1
    V9 = 2
    ANY = 3


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword with at most one value. `now` is its name since it was renamed."""

    name: str
    value: Value
    syntax: Syntax = Syntax.ANY
    now: str | None = None


V8, V9 = Syntax.V8, Syntax.V9
FLAG, TEXT, DIGEST = Boolean(), Text(), Algorithm()
AFTER_SB = {
    "after-sb-0pri": (
        *("disconnect", "discard-younger-primary", "discard-older-primary"),
        *("discard-zero-changes", "discard-least-changes", "discard-local", "discard-remote"),
    ),
    "after-sb-1pri": (
        *("disconnect", "consensus", "violently-as0p", "discard-secondary"),
        "call-pri-lost-after-sb",
    ),
    "after-sb-2pri": ("disconnect", "call-pri-lost-after-sb", "violently-as0p"),
}
FENCING = Choice(("dont-care", "resource-only", "resource-and-stonith"))
RATE = Number(1, 4 << 20, "k")
SECONDS = Number(0, 300000)
BUFFER = Number(0, 10 << 20)
EXTENTS = Number(67, 0xFFFE)
NO_DATA = Choice(("io-error", "suspend-io"))
STRIPING = tuple(f"{size}-striping" for size in ("32K", "64K", "128K", "256K", "512K", "1M"))
TIEBREAKER = Option("tiebreaker", FLAG, V9)
PROTOCOL = Option("protocol", Choice(("A", "B", "C"), any_case=True))

_RESYNC = (
    Option("resync-rate", RATE),
    Option("c-plan-ahead", Number(0, 300)),
    Option("c-delay-target", Number(1, 100)),
    Option("c-fill-target", Number(0, 1 << 20, "s")),
    Option("c-max-rate", Number(250, 4 << 20, "k")),
    Option("c-min-rate", Number(0, 4 << 20, "k")),
)
PEER_DISK = (
    *_RESYNC,
    Option("bitmap", FLAG, V9),
    Option("resync-without-replication", FLAG, V9),
)
NET = (
    PROTOCOL,
    Option("transport", TEXT, V9),
    Option("load-balance-paths", FLAG, V9),
    Option("allow-remote-read", FLAG, V9),
    Option("tls", FLAG, V9),
    Option("tls-keyring", TEXT, V9),
    Option("tls-privkey", TEXT, V9),
    Option("tls-certificate", TEXT, V9),
    Option("rdma-ctrl-rcvbuf-size", BUFFER, V9),
    Option("rdma-ctrl-sndbuf-size", BUFFER, V9),
    Option("timeout", Number(1, 600)),
    Option("max-epoch-size", Number(1, 20000)),
    Option("connect-int", Number(1, 120)),
    Option("ping-int", Number(1, 120)),
    Option("ping-timeout", Number(1, 300)),
    Option("sndbuf-size", BUFFER),
    Option("rcvbuf-size", BUFFER),
    Option("ko-count", Number(0, 200)),
    Option("allow-two-primaries", FLAG),
    Option("cram-hmac-alg", DIGEST),
    Option("shared-secret", Text(64, secret=True)),
    *(Option(name, Choice(words)) for name, words in AFTER_SB.items()),
    Option("always-asbp", FLAG),
    Option(
        "rr-conflict",
        Choice(("disconnect", "violently", "call-pri-lost", "retry-connect", "auto-discard")),
    ),
    Option("data-integrity-alg", DIGEST),
    Option("tcp-cork", FLAG),
    Option("on-congestion", Choice(("block", "pull-ahead", "disconnect"))),
    Option("congestion-fill", Number(0, 10 << 21, "s")),
    Option("congestion-extents", EXTENTS),
    Option("csums-alg", DIGEST),
    Option("csums-after-crash-only", FLAG),
    Option("verify-alg", DIGEST),
    Option("use-rle", FLAG),
    Option("socket-check-timeout", Number(0, 300)),
    Option("fencing", FENCING, V9),
    Option("max-buffers", Number(32, 131072)),
    Option("unplug-watermark", Number(1, 131072), V8),
    Option("discard-my-data", FLAG),
    Option("_name", TEXT, V9),
)
DISK = (
    *_RESYNC,
    Option("bitmap", FLAG, V9),
    Option("resync-without-replication", FLAG, V9),
    Option("size", Number(0, 2 << 40, "s")),
    Option("on-io-error", Choice(("pass_on", "call-local-io-error", "detach"))),
    Option("fencing", FENCING, V8),
    Option("max-bio-bvecs", Number(0, 128), V8),
    Option("disk-barrier", FLAG),
    Option("disk-flushes", FLAG),
    Option("disk-drain", FLAG),
    Option("md-flushes", FLAG),
    Option("resync-after", TEXT),
    Option("rate", RATE, V8, now="resync-rate"),
    Option("after", TEXT, V8, now="resync-after"),
    Option("al-extents", Number(67, 0xFFFE, clamped=True)),
    Option("al-updates", FLAG),
    Option("discard-zeroes-if-aligned", FLAG),
    Option("disable-write-same", FLAG),
    Option("disk-timeout", Number(0, 6000)),
    Option(
        "read-balancing",
        Choice(
            (
                *("prefer-local", "prefer-remote", "round-robin", "least-pending"),
                *("when-congested-remote", *STRIPING),
            )
        ),
    ),
    Option("rs-discard-granularity", Number(0, 1 << 20)),
    Option("block-size", Number(512, 4096), V9),
    Option("use-bmbv", FLAG, V8),
)
OPTIONS = (
    Option("cpu-mask", TEXT),
    Option("on-no-data-accessible", NO_DATA),
    Option("auto-promote", FLAG, V9),
    Option("peer-ack-window", Number(2048, 204800, "s"), V9),
    Option("peer-ack-delay", Number(1, 10000), V9),
    Option("twopc-timeout", Number(50, 600), V9),
    Option("twopc-retry-timeout", Number(1, 50), V9),
    Option("auto-promote-timeout", Number(0, 600), V9),
    Option("max-io-depth", Number(4, 0xFFFFFFFF), V9),
    Option("quorum", Number(1, 32, words=("off", "majority", "all")), V9),
    Option("on-no-quorum", NO_DATA, V9),
    Option("quorum-minimum-redundancy", Number(1, 32, words=("off", "majority", "all")), V9),
    Option("on-suspended-primary-outdated", Choice(("disconnect", "force-secondary")), V9),
    Option("drbd8-compat-mode", FLAG, V9),
)
STARTUP = (
    Option("wfc-timeout", SECONDS),
    Option("degr-wfc-timeout", SECONDS),
    Option("outdated-wfc-timeout", SECONDS),
    Option("wait-after-sb", FLAG),
    Option("stacked-timeouts", FLAG),
)
HANDLERS = (
    *(
        Option(name, TEXT)
        for name in (
            *("pri-on-incon-degr", "pri-lost-after-sb", "pri-lost", "initial-split-brain"),
            *("split-brain", "fence-peer", "unfence-peer", "local-io-error"),
            *("before-resync-target", "after-resync-target", "before-resync-source"),
            "out-of-sync",
        )
    ),
    Option("outdate-peer", TEXT, now="fence-peer"),
    Option("quorum-lost", TEXT, V9),
    Option("disconnected", TEXT, V9),
)
SYNCER = (
    # 9 looks a syncer's words up among its net and disk options, where the rates are no longer.
    Option("rate", RATE, V8, now="resync-rate"),
    Option("after", TEXT, now="resync-after"),
    *(Option(each.name, each.value, V8) for each in _RESYNC if each.name != "resync-rate"),
    Option("al-extents", Number(7, 0xFFFE, clamped=True)),
    *(Option(name, DIGEST) for name in ("verify-alg", "csums-alg")),
    Option("use-rle", FLAG),
    Option("cpu-mask", TEXT),
    Option("on-no-data-accessible", NO_DATA),
    *(Option(name, TEXT, V8) for name in ("delay-probe-volume", "delay-probe-interval")),
    *(Option(name, TEXT, V8) for name in ("throttle-threshold", "hold-off-threshold")),
)
GLOBAL = (
    Option("usage-count", Choice(("yes", "no", "ask"))),
    Option("minor-count", Number(1, 255)),
    Option("dialog-refresh", Number(0, 600)),
    *(Option(f"cmd-timeout-{length}", Number(0, 900)) for length in ("short", "medium", "long")),
    Option("disable-ip-verification", FLAG),
    Option("udev-always-use-vnr", FLAG),
)
PROXY = (
    *(
        Option(name, Number(0, (1 << 63) - 1))
        for name in ("memlimit", "read-loops", "compression", "bwlimit")
    ),
    Option("sndbuf-size", BUFFER),
    Option("rcvbuf-size", BUFFER),
    Option("ping-timeout", Number(1, 300)),
)


def by_name(options: Iterable[Option]) -> dict[str, Option]:
    """The options under their names."""
    return {option.name: option for option in options}
