"""The two keys of an installation: made once, kept in the data dir, readable by their owner only."""

import os
import secrets
import tempfile
from pathlib import Path

from capstan.config.errors import OperatorError
from capstan.config.options import Options

_HEX_DIGITS = 64


def secret_key(options: Options) -> str | None:
    """What signs cookies and links; None when it was neither given nor made."""
    given = options.secret_key
    return given.get_secret_value() if given else _read(_folder(options) / "secret_key")


def field_key(options: Options) -> bytes | None:
    """What seals passwords in the database; None when it was neither given nor made."""
    given = options.field_key
    text = given.get_secret_value() if given else _read(_folder(options) / "field_key")
    if text is None:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) * 2 != _HEX_DIGITS:
        raise OperatorError(
            f"{_folder(options) / 'field_key'} does not hold {_HEX_DIGITS} hex digits: restore your copy"
        )
    return key


def ensure(options: Options) -> list[Path]:
    """Make the keys that are missing and return their files.

    With a database of your own they must be given: other machines may use it, and passwords sealed with two keys could
    never all be opened. Raises OperatorError then.
    """
    made = []
    for name, present in (("secret_key", secret_key(options)), ("field_key", field_key(options))):
        if present is not None:
            continue
        if options.database_url is not None:
            raise OperatorError(
                f"with DATABASE_URL set, CAPSTAN_{name.upper()} must be given too, the same on every machine"
                " (`openssl rand -hex 32` makes one; keep a copy)"
            )
        made.append(_make(_folder(options), name))
    return made


def _folder(options: Options) -> Path:
    return options.data_dir / "keys"


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise OperatorError(f"{path} can't be read: run capstan as the user it belongs to") from None


def _make(folder: Path, name: str) -> Path:
    """Write the whole key under another name first, so that a crash can't leave half of one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=folder)  # 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(_HEX_DIGITS // 2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    path = folder / name
    Path(unfinished).rename(path)
    directory = os.open(folder, os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
    return path
