"""What a guest is made of and what may be done to it: configuration, disks, snapshots, locks."""
