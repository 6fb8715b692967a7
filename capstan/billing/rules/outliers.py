"""What somebody should look at in a preview. Free of storage."""

from capstan.billing.rules.plan import Facts

_MUCH = 30  # percent


def remarks(
    total_minor: int, last_minor: int | None, *, is_empty: bool, facts: Facts, asked_minor: int = 0
) -> list[str]:
    """Short words for what is unusual about a customer's bill."""
    found = []
    if is_empty and not asked_minor:
        found.append("nothing to invoice")
    if total_minor < 0:
        found.append("gets money back")
    if last_minor is None and not is_empty:
        found.append("first invoice")
    elif last_minor and not is_empty:
        change = (total_minor - last_minor) * 100 // last_minor
        if abs(change) >= _MUCH:
            found.append(f"{'+' if change > 0 else '−'}{abs(change)} % on the last one")
    unpriced = {
        facts.packages[dated.package_id].name
        for life in facts.lives
        if life.ends_on is None
        for dated in life.packages[-1:]
        if not facts.prices.get(dated.package_id)
    }
    found += [f"{name} has no price" for name in sorted(unpriced)]
    return found
