"""What customers see: pages that work without JavaScript, on a phone first."""

from collections.abc import Mapping, Sequence
from html import escape

NOTICE = "Simulated payment page – no money moves"
TEST_CARD = "4111 1111 1111 1111"

STYLE = """
:root { color-scheme: light dark; --ink: #16202b; --dim: #5a6776; --paper: #fff; --ground: #eef1f5; --line: #cfd6de;
  --main: #0b5fb0; --warn: #7a4b00; --warn-ground: #fff4d6; --bad: #a3182b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --dim: #a3afbc; --paper: #1b232c; --ground: #10161c;
  --line: #3a4652; --main: #4aa3f5; --warn: #ffd98a; --warn-ground: #3a2c08; --bad: #ff8f9c; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); }
.notice { margin: 0; padding: .75rem 1rem; text-align: center; font-weight: 600;
  color: var(--warn); background: var(--warn-ground); }
main { max-width: 26rem; margin: 1rem auto; padding: 1.25rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .25rem; font-size: 1.25rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.amount { font-size: 2rem; font-weight: 700; font-variant-numeric: tabular-nums; }
.dim { color: var(--dim); }
.bad { color: var(--bad); font-weight: 600; }
label { display: block; font-weight: 600; }
input { width: 100%; min-height: 3rem; margin: .25rem 0 1rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--dim); border-radius: .5rem; }
button { display: block; width: 100%; min-height: 3rem; margin: 0 0 .75rem; font: inherit; font-weight: 600;
  color: var(--main); background: none; border: 2px solid var(--main); border-radius: .5rem; cursor: pointer; }
button.main { color: var(--paper); background: var(--main); }
button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
a { color: var(--main); }
""".lstrip()


def pay(key: str, fields: Mapping[str, str], amount: str, *, declined: bool = False) -> str:
    """The hosted page of an open payment; `amount` as it is shown, 35.00."""
    description = fields.get("item_description", "")
    stored = fields.get("subscription_type") == "2"
    return _page(
        f"Pay R {amount}",
        (
            f"<h1>{escape(fields['item_name'])}</h1>",
            f'<p class="dim">{escape(description)}</p>' if description else "",
            f'<p class="amount">R {escape(amount)}</p>',
            '<p class="bad" role="alert">The bank declined. You may try again.</p>' if declined else "",
            f'<form method="post" action="/eng/pay/{escape(key)}">',
            '<label for="card">Card number</label>',
            f'<input id="card" name="card" inputmode="numeric" autocomplete="off" value="{TEST_CARD}">',
            '<p class="dim">This card is kept for later payments.</p>' if stored else "",
            '<button class="main" name="action" value="pay">Pay</button>',
            '<button name="action" value="decline">Pay, but the bank declines</button>',
            '<button name="action" value="cancel">Cancel</button>',
            "</form>",
        ),
    )


def refused(problems: Sequence[str]) -> str:
    """The page for a form that a merchant made wrongly."""
    listed = "".join(f"<li>{escape(one)}</li>" for one in problems)
    return _page("Not a valid payment", ("<h1>This payment form is wrong</h1>", f"<ul>{listed}</ul>"))


def message(words: str, back: str = "") -> str:
    link = f'<p><a href="{escape(back)}">Back to the shop</a></p>' if back else ""
    return _page(words, (f"<h1>{escape(words)}</h1>", link))


def _page(title: str, parts: Sequence[str]) -> str:
    body = "\n".join(filter(None, parts))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>\n'
        f'<body><p class="notice">{NOTICE}</p>\n<main>\n{body}\n</main></body></html>\n'
    )
