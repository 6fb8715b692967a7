"""Who did something, as people know them: audit entries and orders keep keys such as `staff:thandi`."""

from collections.abc import Iterable, Mapping

from capstan.identity.models import Login
from capstan.topups.models import Authoriser
from capstan.ui.templatetags.capstan import phone

_STAFF, _LINK = "staff:", "link:"
_PROGRAMS = {
    "meter": "the meter",
    "messaging": "messaging",
    "system": "Capstan",
    "listener": "the RADIUS listener",
}


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """The name behind each key; one question to the database for all of them."""
    keys = set(actors)
    usernames = {key.removeprefix(_STAFF) for key in keys if key.startswith(_STAFF)}
    names: Mapping[str, str] = {}
    if usernames:
        names = dict(Login.objects.filter(username__in=usernames).values_list("username", "name"))
    return {key: _name(key, names) for key in keys} | _behind_links(keys)


def _behind_links(keys: set[str]) -> dict[str, str]:
    """Who answered by the link that his number got: `Ruth Nel (by link)`; the number where it is several people's."""
    numbers = {key.removeprefix(_LINK) for key in keys if key.startswith(_LINK)}
    if not numbers:
        return {}
    known: dict[str, set[str]] = {number: set() for number in numbers}
    for number, name in Authoriser.objects.filter(phone__in=numbers).values_list("phone", "name"):
        known[number].add(name)
    return {
        f"{_LINK}{number}": f"{names.pop()} (by link)" if len(names) == 1 else f"link, {phone(number)}"
        for number, names in known.items()
    }


def name_of(actor: str) -> str:
    """The name behind one key."""
    return names_of([actor])[actor]


def _name(key: str, names: Mapping[str, str]) -> str:
    kind, _, who = key.partition(":")
    if kind == "staff":
        return names.get(who, who)
    if kind == "cli":
        return f"{who} (command line)"
    if kind == "sms":
        return f"SMS from {who}"
    return _PROGRAMS.get(key, key)
