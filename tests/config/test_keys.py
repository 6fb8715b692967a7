"""Keys are made once, are nobody else's to read, and are never made where they must be given."""

import stat
from pathlib import Path
from typing import Any

import pytest

from capstan.config import keys
from capstan.config.errors import OperatorError
from capstan.config.options import Options


def options(data_dir: Path, **more: Any) -> Options:
    return Options.model_construct(
        **{"data_dir": data_dir, "database_url": None, "secret_key": None, "field_key": None, **more}
    )


def test_they_are_made_once_and_private(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    assert keys.field_key(chosen) is None
    assert keys.secret_key(chosen) is None
    made = keys.ensure(chosen)
    first = (keys.secret_key(chosen), keys.field_key(chosen))
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700
    assert keys.ensure(chosen) == []
    assert (keys.secret_key(chosen), keys.field_key(chosen)) == first
    assert first[1] is not None
    assert len(first[1]) == 32
    assert first[0] != first[1].hex()


def test_two_installations_differ(tmp_path: Path) -> None:
    one, other = options(tmp_path / "one"), options(tmp_path / "other")
    keys.ensure(one)
    keys.ensure(other)
    assert keys.field_key(one) != keys.field_key(other)


def test_with_a_database_of_ones_own_they_must_be_given(tmp_path: Path) -> None:
    from pydantic import SecretStr

    chosen = options(tmp_path, database_url=SecretStr("postgresql://192.0.2.1/capstan"))
    with pytest.raises(OperatorError, match="CAPSTAN_SECRET_KEY must be given"):
        keys.ensure(chosen)
    given = chosen.model_copy(update={"secret_key": SecretStr("s" * 32), "field_key": SecretStr("ab" * 32)})
    assert keys.ensure(given) == []
    assert keys.field_key(given) == bytes.fromhex("ab" * 32)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_spoilt_key_file_is_named(tmp_path: Path, text: str) -> None:
    chosen = options(tmp_path)
    keys.ensure(chosen)
    (tmp_path / "keys" / "field_key").write_text(text)
    with pytest.raises(OperatorError, match="field_key does not hold 64 hex digits"):
        keys.field_key(chosen)
