"""The command line: clear answers to mistakes, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from capstan.config import cli
from tools.tidy import ROOT


def capstan(*words: str, data_dir: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("CAPSTAN_", "DATABASE_URL"))
    }
    environment = {**kept, "CAPSTAN_DATA_DIR": str(data_dir), **more}
    command = [sys.executable, "-m", "capstan.config.cli", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["status", "meter", "migrate"])
def test_without_its_database_a_verb_says_what_to_do(tmp_path: Path, verb: str) -> None:
    said = capstan(verb, data_dir=tmp_path)
    assert said.returncode == 1
    assert f"the embedded database in {tmp_path} isn't running: start `capstan up`" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_wrong_setting_stops_every_verb(tmp_path: Path) -> None:
    said = capstan("web", data_dir=tmp_path, CAPSTAN_TIME_ZONE="Mars/Olympus")
    assert said.returncode == 1
    assert said.stderr == "capstan: CAPSTAN_TIME_ZONE=Mars/Olympus: must be a name like Europe/Paris\n"


def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://capstan:hunter2@127.0.0.1:1/capstan"
    said = capstan("status", data_dir=tmp_path, DATABASE_URL=url, CAPSTAN_FIELD_KEY="ab" * 32)
    assert said.returncode == 1
    assert "the database of DATABASE_URL can't be reached" in said.stderr
    assert "hunter2" not in said.stderr
    assert "Traceback" not in said.stderr


def test_a_data_dir_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = capstan("up", data_dir=tmp_path / "file")
    assert said.returncode == 1
    assert f"the data dir {tmp_path}/file can't be used" in said.stderr


@pytest.mark.parametrize("verb", [verb.name for verb in cli.VERBS])
def test_every_verb_explains_itself(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0
    assert f"usage: capstan {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["dance"], ["up", "--loud"]])
def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: capstan" in capsys.readouterr().err
