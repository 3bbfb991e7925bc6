"""Reading HAPANEL_* variables: what cannot be used stops the start, and says nothing secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hapanel.environment import (
    Environment,
    SettingRefused,
    database_from_url,
    redis_locations,
)


@pytest.mark.parametrize("value", ["often", "1200", "1200/fortnight", "0/min", "-1/sec"])
def test_a_rate_that_nobody_can_count_by_is_refused(value: str) -> None:
    with pytest.raises(SettingRefused, match="HAPANEL_API_RATE"):
        Environment({"HAPANEL_API_RATE": value}).rate("HAPANEL_API_RATE", "1200/min")


@pytest.mark.parametrize("value", ["Mars/Olympus", "../etc/passwd", "Asia"])
def test_a_time_zone_that_does_not_exist_is_refused(value: str) -> None:
    with pytest.raises(SettingRefused, match="HAPANEL_TIME_ZONE"):
        Environment({"HAPANEL_TIME_ZONE": value}).time_zone("HAPANEL_TIME_ZONE", "UTC")


def test_a_relative_folder_counts_from_where_the_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = Environment({"HAPANEL_VAR": "state"}).folder("HAPANEL_VAR", Path("/var"))
    assert found == tmp_path / "state"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://hapanel:pa[ss@db/hapanel",
        "postgresql://hapanel:pass@db:five/hapanel",
        "mysql://hapanel:pass@db/hapanel",
        "sqlite://hapanel.sqlite3",
        "sqlite://",
        "",
    ],
)
def test_a_database_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingRefused, match="HAPANEL_DATABASE_URL") as refused:
        database_from_url(url)
    assert "pass" not in str(refused.value).replace("password", "")
    assert "pa[ss" not in str(refused.value)


def test_a_folder_for_the_database_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingRefused, match="HAPANEL_DATABASE_URL"):
        database_from_url(f"sqlite:///{tmp_path}/file/folder/hapanel.sqlite3")


def test_special_characters_of_a_password_are_percent_encoded() -> None:
    found = database_from_url("postgresql://hapanel:p%40ss%2Fword@db:5433/ha?sslmode=require")
    assert (found["PASSWORD"], found["HOST"], found["PORT"]) == ("p@ss/word", "db", "5433")
    assert found["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize("url", ["unix://var/redis.sock", "redis://host:x/0", "memcached://host"])
def test_a_redis_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingRefused, match="HAPANEL_REDIS_URL"):
        redis_locations(url)


def test_an_empty_secret_file_does_not_count_as_a_secret_to_be_made(tmp_path: Path) -> None:
    empty, made = tmp_path / "empty", tmp_path / "made"
    empty.touch()
    with pytest.raises(SettingRefused, match="empty"):
        Environment({"KEY_FILE": str(empty)}).secret("KEY", generated_in=made)
    assert not made.exists()


@pytest.mark.parametrize("value", ["short", ",", "a" * 32 + ",short"])
def test_encryption_keys_that_protect_nothing_are_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="openssl"):
        Environment({"KEYS": value}).secrets("KEYS", generated_in=tmp_path / "made")


def test_programs_that_start_together_agree_on_one_private_secret(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret-key"
    make = (
        "import sys; from pathlib import Path; from hapanel.environment import Environment;"
        "print(Environment({}).secret('KEY', generated_in=Path(sys.argv[1])))"
    )
    together = [
        subprocess.Popen([sys.executable, "-c", make, str(file)], stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    secrets = {process.communicate()[0].strip() for process in together}
    assert secrets == {file.read_bytes()}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secret-key"]
