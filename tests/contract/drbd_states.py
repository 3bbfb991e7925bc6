"""What the names of the recorded states say, written down by hand: the judgement of each resource.

The codes of all findings, the worst first. Files of actions hold event streams, and are judged by
what those end with; nodes that no recording is from are unseen.
"""

from __future__ import annotations

from collections.abc import Mapping

OK = ("healthy",)
SYNC = ("syncing",)
HELD = ("sync-paused",)
BOTH = ("dual-primary",)
SPLIT = ("split-brain",)
APART_OLD = ("degraded", "disconnected", "stale")
LOST_PEER = ("degraded", "not-observed")
TWO = {"rs": ("syncing",), "vm-100": ("sync-paused", "syncing")}

JUDGED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "drbd84/02-up-failed-no-metadata": {
        "rs": ("diskless", "degraded", "disconnected", "not-observed")
    },
    "drbd84/03-metadata-created-down": {"rs": ("not-up",)},
    "drbd84/05-up-one-side-wfconnection": {"rs": LOST_PEER},
    "drbd84/06-connected-inconsistent-both": {"rs": ("no-current-copy",)},
    "drbd84/06b-resync-between-two-inconsistent": {"rs": SYNC},
    "drbd84/07a-initial-sync-start": {"rs": SYNC},
    "drbd84/07f-disconnected-during-sync": {"rs": APART_OLD},
    "drbd84/08a-sync-paused-by-target": {"rs": HELD},
    "drbd84/08b-sync-paused-by-both": {"rs": HELD},
    "drbd84/08c-sync-paused-by-source": {"rs": HELD},
    "drbd84/09-uptodate-secondary-secondary": {"rs": OK},
    "drbd84/10-primary-secondary": {"rs": OK},
    "drbd84/12-primary-primary": {"rs": BOTH},
    "drbd84/13-secondary-while-open": {"rs": ("inconsistent-primary", "syncing", "dual-primary")},
    "drbd84/13b-lvm-on-drbd": {"rs": ("inconsistent-primary", "syncing", "dual-primary")},
    "drbd84/13d-disconnect-refused-mid-sync-by-target": {"rs": ("inconsistent-primary", "syncing")},
    "drbd84/13g-resync-done": {"rs": OK},
    "drbd84/13h-disconnect-connect-midsync": {"rs": OK},
    "drbd84/14-disconnect-connect": {"rs": OK},
    "drbd84/14b-disconnected-on-primary": {"rs": APART_OLD},
    "drbd84/14c-resync-after-reconnect": {"rs": SYNC},
    "drbd84/15a-network-cut": {"rs": ("degraded",)},
    "drbd84/15b-network-cut-written": {"rs": ("degraded", "stale")},
    "drbd84/15c-after-reconnect": {"rs": OK},
    "drbd84/16a-both-primary-cut": {"rs": ("diverging",)},
    "drbd84/16b-both-primary-cut-both-written": {"rs": ("diverging",)},
    "drbd84/16c-SPLIT-BRAIN": {"rs": SPLIT},
    "drbd84/16d1-connect-without-discard": {"rs": SPLIT},
    "drbd84/16d2-discard-while-still-primary": {"rs": SPLIT},
    "drbd84/16d3-victim-waits": {"rs": SPLIT},
    "drbd84/16d5-recovered": {"rs": OK},
    "drbd84/17-split-brain-1pri-discard-secondary": {"rs": OK},
    "drbd84/18-split-brain-0pri-both-changed": {"rs": SPLIT},
    "drbd84/19-split-brain-0pri-zero-changes": {"rs": OK},
    "drbd84/20-verify": {"rs": OK},
    "drbd84/20b-verify-later": {"rs": ("verify-differences", "verifying")},
    "drbd84/21-detach": {"rs": OK},
    "drbd84/21c-attach-resync": {"rs": OK},
    "drbd84/22a-outdated-standalone": {"rs": APART_OLD},
    "drbd84/22b-invalidate-remote": {"rs": SYNC},
    "drbd84/22c-dynamic-controller-sync": {"rs": SYNC},
    "drbd84/22d-after-full-resync": {"rs": OK},
    "drbd84/22e-invalidate-local": {"rs": SYNC},
    "drbd84/23-peer-killed": {"rs": ("not-observed",)},
    "drbd84/24-primary-killed": {"rs": ("not-observed",)},
    "drbd84/24a-primary-killed": {"rs": ("degraded", "stale", "not-observed")},
    "drbd84/24b-takeover": {"rs": LOST_PEER},
    "drbd84/26-port": {"rs": ("degraded", "stale")},
    "drbd84/26-protocol": {"rs": APART_OLD},
    "drbd84/26-protocol-2": {"rs": ("degraded", "disconnected")},
    "drbd84/26-secret": {"rs": APART_OLD},
    "drbd84/26-two-primaries": {"rs": ("not-up", "degraded")},
    "drbd84/26-two-primaries-2": {"rs": ("degraded", "disconnected")},
    "drbd84/50-two-resources-multi-volume": TWO,
    "drbd9/02-up-failed-no-metadata": {
        "rs": ("diskless", "degraded", "disconnected", "not-observed")
    },
    "drbd9/03-metadata-created-down": {"rs": ("not-up", "not-observed")},
    "drbd9/05-up-one-side-connecting": {"rs": LOST_PEER},
    "drbd9/07-initial-sync": {"rs": OK},
    "drbd9/07a-initial-sync-start": {"rs": ("syncing", "contradiction")},
    "drbd9/07d-sync-fast": {"rs": OK},
    "drbd9/07f-pause-flag-set-by-both-after-sync": {"rs": HELD},
    "drbd9/08d-slow-resync-running": {"rs": SYNC},
    "drbd9/08e-slow-resync-paused": {"rs": HELD},
    "drbd9/08f-disconnected-mid-sync": {"rs": APART_OLD},
    "drbd9/08g-slow-resync-continued": {"rs": SYNC},
    "drbd9/09-uptodate-secondary-secondary": {"rs": OK},
    "drbd9/10-primary-secondary": {"rs": OK},
    "drbd9/12-primary-primary": {"rs": BOTH},
    "drbd9/13-secondary-while-open": {"rs": BOTH},
    "drbd9/13b-auto-promote": {"rs": OK},
    "drbd9/14-disconnect-connect": {"rs": OK},
    "drbd9/14b-written-while-disconnected": {"rs": APART_OLD},
    "drbd9/14c-resync-already-finished": {"rs": OK},
    "drbd9/16-split-brain": {"rs": SPLIT},
    "drbd9/16a-both-primary-cut-written": {"rs": ("diverging",)},
    "drbd9/16b-SPLIT-BRAIN": {"rs": SPLIT},
    "drbd9/16c-split-brain-recovery": {"rs": OK},
    "drbd9/16c1-discard-while-primary": {"rs": SPLIT},
    "drbd9/16c2-victim-waits": {"rs": SPLIT},
    "drbd9/16c3-recovery-resync-already-finished": {"rs": OK},
    "drbd9/16c4-recovered": {"rs": OK},
    "drbd9/20c-repaired": {"rs": OK},
    "drbd9/21-detach": {"rs": ("not-observed",)},
    "drbd9/21a-secondary-diskless": {"rs": ("diskless",)},
    "drbd9/21b-primary-diskless": {"rs": ("diskless",)},
    "drbd9/23-peer-killed": {"rs": LOST_PEER},
    "drbd9/30a-three-inconsistent": {"rs": ("no-current-copy",)},
    "drbd9/30b-three-syncing": {"rs": ("syncing", "syncing")},
    "drbd9/30d-one-cut-off": {"rs": ("no-quorum", "degraded", "degraded")},
    "drbd9/30e-down-of-third-refused": {"rs": ("diverging", "degraded")},
    "drbd9/30f-third-killed-master-lost-quorum": {
        "rs": ("diverging", "no-quorum", "degraded", "degraded", "not-observed")
    },
    "drbd9/30g-split-brain-after-forced-primary": {
        "rs": ("split-brain", "no-quorum", "degraded", "degraded", "not-observed")
    },
    "drbd9/40-fresh-clear-bitmap": {"rs": OK},
    "drbd9/41-verify-slow": {"rs": ("verify-differences",)},
    "drbd9/41a-verify-running": {"rs": ("verify-differences", "verifying")},
    "drbd9/42-network-cut": {"rs": OK},
    "drbd9/42c-resynced": {"rs": OK},
    "drbd9/43-sb-both-primary-cut-no-writes": {"rs": BOTH},
    "drbd9/44-primary-killed": {"rs": LOST_PEER},
    "drbd9/44b-takeover": {"rs": LOST_PEER},
    "drbd9/50-two-resources-multi-volume": TWO,
}
# Files of actions, refusals and configurations, without a state of a resource in them.
WITHOUT_STATE = frozenset(
    {
        "drbd84/22-outdate-invalidate",
        "drbd84/26-config-differs",
        "drbd84/27-config-errors",
        "drbd84/28-bad-options-accepted-by-dump",
        "drbd84/29-misc",
        "drbd9/00-module-not-loaded",
        "drbd9/04-unknown-resource",
        "drbd9/27-config-errors",
    }
)
