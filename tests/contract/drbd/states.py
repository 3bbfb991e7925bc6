"""Which story leads to which recorded state, and which commands were declined there."""

from __future__ import annotations

from hapanel.lab.drbd.spec import Version
from tests.contract.drbd.stage import Stage, pair_9, pair_84, trio, two_resources
from tests.contract.drbd.stories import (
    Story,
    auto_promoted,
    back_again,
    both_demoted,
    both_inconsistent,
    both_primary_cut,
    both_written,
    cut,
    cut_and_written,
    down,
    group_active,
    held_open,
    held_open_in_sync,
    joined_sync,
    left_by_the_primary,
    left_by_the_secondary,
    left_by_the_source,
    left_in_mid_sync,
    lvm_in_use,
    lvm_in_use_secondary,
    master_diskless,
    one_cut_off,
    one_side_up,
    outdated,
    paused_already,
    paused_by,
    primary_killed,
    primary_primary,
    primary_secondary,
    promoted_after_death,
    quiet,
    reconnected_without_writes,
    recovered,
    short_sync,
    slave_diskless,
    solved_by_one_primary,
    split_again,
    split_brain,
    stands_alone,
    syncing,
    taken_over,
    third_killed,
    third_refuses,
    two_syncing,
    verifying,
    victim_still_primary,
    victim_waits,
)

STORIES_84: dict[str, Story] = {
    "03-metadata-created-down": down,
    "05-up-one-side-wfconnection": one_side_up,
    "06-connected-inconsistent-both": both_inconsistent,
    "07f-disconnected-during-sync": left_in_mid_sync,
    "08a-sync-paused-by-target": paused_by("slave"),
    "08b-sync-paused-by-both": paused_by("master", "slave"),
    "08c-sync-paused-by-source": paused_by("master"),
    "09-uptodate-secondary-secondary": quiet,
    "10-primary-secondary": primary_secondary,
    "12-primary-primary": primary_primary,
    "13-secondary-while-open": held_open_in_sync,
    "13b-lvm-on-drbd": lvm_in_use,
    "13d-disconnect-refused-mid-sync-by-target": lvm_in_use_secondary,
    "14b-disconnected-on-primary": left_by_the_primary,
    "14c-resync-after-reconnect": short_sync,
    "15a-network-cut": cut,
    "15b-network-cut-written": cut_and_written,
    "15c-after-reconnect": back_again,
    "16a-both-primary-cut": both_primary_cut,
    "16b-both-primary-cut-both-written": both_written,
    "16c-SPLIT-BRAIN": split_brain,
    "16d1-connect-without-discard": split_again,
    "16d2-discard-while-still-primary": victim_still_primary,
    "16d3-victim-waits": victim_waits,
    "16d5-recovered": recovered,
    "17-split-brain-1pri-discard-secondary": solved_by_one_primary,
    "18-split-brain-0pri-both-changed": both_demoted(2),
    "19-split-brain-0pri-zero-changes": both_demoted(0),
    "20b-verify-later": verifying,
    "22a-outdated-standalone": outdated,
    "22b-invalidate-remote": syncing,
    "22e-invalidate-local": syncing,
    "24a-primary-killed": primary_killed,
    "24b-takeover": taken_over,
    "50-two-resources-multi-volume": two_syncing,
}
STORIES_9: dict[str, Story] = {
    "03-metadata-created-down": down,
    "05-up-one-side-connecting": one_side_up,
    "08d-slow-resync-running": syncing,
    "08e-slow-resync-paused": paused_by("slave"),
    "08f-disconnected-mid-sync": left_by_the_source,
    "08g-slow-resync-continued": syncing,
    "09-uptodate-secondary-secondary": quiet,
    "10-primary-secondary": primary_secondary,
    "12-primary-primary": primary_primary,
    "13-secondary-while-open": held_open,
    "13b-auto-promote": auto_promoted,
    "14b-written-while-disconnected": left_by_the_secondary,
    "16a-both-primary-cut-written": both_written,
    "16b-SPLIT-BRAIN": split_brain,
    "16c1-discard-while-primary": victim_still_primary,
    "16c2-victim-waits": victim_waits,
    "16c4-recovered": recovered,
    "21a-secondary-diskless": slave_diskless,
    "21b-primary-diskless": master_diskless,
    "30a-three-inconsistent": both_inconsistent,
    "30d-one-cut-off": one_cut_off,
    "30e-down-of-third-refused": third_refuses,
    "30f-third-killed-master-lost-quorum": third_killed,
    "41a-verify-running": verifying,
    "42c-resynced": back_again,
    "43-sb-both-primary-cut-no-writes": reconnected_without_writes,
    "44b-takeover": promoted_after_death,
    "50-two-resources-multi-volume": two_syncing,
}


def stage_for(version: Version, state: str) -> Stage:
    """The lab's DRBD in a recorded state."""
    if state.startswith("50"):
        resources = two_resources()
    elif state.startswith("30"):
        resources = [trio()]
    else:
        resources = [pair_84() if version is Version.V84 else pair_9("2M")]
    stage = Stage(version, resources)
    by_state = STORIES_84 if version is Version.V84 else STORIES_9
    by_state[state](stage)
    return stage


# Commands that real kernels declined: version, recorded state, recording, and how it comes there.
DECLINED: list[tuple[Version, str, str, Story]] = [
    *(
        (Version.V84, "03-metadata-created-down", name, down)
        for name in (
            "act-06-primary", "act-07-secondary", "act-08-connect", "act-09-disconnect",
            "act-10-detach", "act-12-role", "act-13-cstate", "act-15-verify", "act-16-invalidate",
            "act-17-pause-sync", "act-18-resume-sync", "act-19-connect-discard-my-data",
        )
    ),
    (Version.V84, "05-up-one-side-wfconnection", "act-03-primary-refused", one_side_up),
    (Version.V84, "06-connected-inconsistent-both", "act-05-connect-when-connected",
     both_inconsistent),
    (Version.V84, "13-secondary-while-open", "act-01-secondary-open", held_open),
    (Version.V84, "13-secondary-while-open", "act-02-down-open", held_open),
    (Version.V84, "13b-lvm-on-drbd", "act-06-secondary-vg-active", group_active),
    (Version.V84, "13h-disconnect-connect-midsync", "act-02-disconnect", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-05-verify-standalone", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-08-connect", joined_sync),
    (Version.V84, "13h-disconnect-connect-midsync", "act-09-disconnect-on-primary", joined_sync),
    (Version.V84, "14-disconnect-connect", "act-02-disconnect-again", stands_alone),
    (Version.V84, "14-disconnect-connect", "act-03-verify-standalone", stands_alone),
    (Version.V84, "22-outdate-invalidate", "act-05-primary-outdated", outdated),
    *(
        (Version.V9, "03-metadata-created-down", name, down)
        for name in (
            "act-03-primary", "act-04-secondary", "act-05-connect", "act-06-disconnect",
            "act-07-detach", "act-08-role", "act-09-cstate", "act-11-verify", "act-12-invalidate",
            "act-13-pause-sync",
        )
    ),
    (Version.V9, "04-unknown-resource", "act-05-primary", quiet),
    (Version.V9, "05-up-one-side-connecting", "act-03-primary-refused", one_side_up),
    (Version.V9, "07-initial-sync", "act-03-pause-again", paused_already),
    (Version.V9, "13-secondary-while-open", "act-01-secondary-open", held_open),
    (Version.V9, "13-secondary-while-open", "act-03-down-open", held_open),
    (Version.V9, "14-disconnect-connect", "act-02-disconnect-again", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-03-verify-standalone", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-04-primary-standalone-outdated", stands_alone),
    (Version.V9, "14-disconnect-connect", "act-07-connect-when-connected", quiet),
    (Version.V9, "16c-split-brain-recovery", "act-01-discard-while-primary", split_brain),
    (Version.V9, "21-detach", "act-04-disconnect-last", master_diskless),
]  # fmt: skip
