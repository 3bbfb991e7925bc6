"""The main job once more, on the database of production."""

from __future__ import annotations

from tests.journeys.demo_set import running_demo


def test_a_migration_is_followed_to_its_end_on_postgresql() -> None:
    with running_demo("--speed", "12", "--database", "postgres") as demo:
        operation = demo.wait_for_end(demo.migrate(100, "slave")["id"])
        assert operation["state"] == "succeeded", operation
        assert operation["percent"] == 100
        assert demo.get("vms/clusterubd/100/")["node"] == "slave"
        audit = demo.get("audit/", who="ada")["results"]
        assert any("100" in entry["subject"] and entry["actor"] == "oda" for entry in audit)
