"""Makes docs/operating/settings.md from the options: `python -m tools.settings_page`."""

from pathlib import Path

from pydantic.fields import FieldInfo

from capstan.config.options import CONFIG_NAME, CONFIG_VARIABLE, Options, allowed, variable
from tools.tidy import ROOT

PAGE = ROOT / "docs" / "operating" / "settings.md"

_HEAD = f"""# Settings

Each setting is an environment variable. Each can also stand in `{CONFIG_NAME}` in the working folder – or
in the file that `{CONFIG_VARIABLE}` names – in small letters without the prefix: `time_zone = "Europe/Paris"`. The
environment wins. A wrong or unknown setting stops the start with a message that names it.

`capstan check-settings` shows what is in force and says what is not in order.

| variable | what it is | allowed | default |
|---|---|---|---|
"""

_TAIL = """
This page is made from `capstan/config/options.py` by `python -m tools.settings_page`.
"""


def page() -> str:
    """The text of the page."""
    rows = [_row(name, field) for name, field in Options.model_fields.items()]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{variable(name)}` | {field.description} | {allowed(field)} | {_default(field.default)} |"


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


if __name__ == "__main__":
    Path(PAGE).parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())
