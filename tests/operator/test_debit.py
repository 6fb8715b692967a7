"""`capstan debit`: a batch from its proposal to what came back, and what a provider file says of debit orders."""

import stat
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from capstan.operator.load.catalogue import Circumstances
from capstan.operator.load.entries import read
from capstan.operator.load.run import load
from capstan.payments.actions.debit_orders.book import book_due
from capstan.payments.models import DebitBatch, DebitItem, DebitOrderPolicy
from capstan.payments.rules.debit_orders.netcash import STANDARD_VENDOR_KEY
from capstan.values import clock
from capstan.values.data import Units
from capstan.values.refused import Refused
from tests.billing.desk import Desk, at
from tests.operator.test_commands import run
from tests.payments.debits import DAY, TODAY, collects, line, owing

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_batch_from_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    desk = Desk()
    collects(desk)
    owing(desk)
    monkeypatch.setattr(clock, "now", lambda: at(TODAY))
    assert "No batch was proposed yet" in run(capsys, "debit", "list")
    assert "Jenny Smith" in run(capsys, "debit", "propose", DAY)
    number, file = str(DebitBatch.objects.get().pk), tmp_path / "netcash.txt"
    assert "R 599.00, SHA-256" in run(capsys, "debit", "make", number, "--to", str(file))
    assert file.read_bytes().startswith(b"H\tservice-key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(Refused, match=f"capstan debit file {number} --to FILE"):
        run(capsys, "debit", "file", number, "--to", str(file))
    again = tmp_path / "again.txt"
    run(capsys, "debit", "file", number, "--to", str(again))
    assert again.read_bytes() == file.read_bytes()
    assert "is booked on 2 Mar 2026" in run(capsys, "debit", "submitted", number)
    monkeypatch.setattr(clock, "now", lambda: at(DAY))
    with pytest.raises(Refused, match="Its day has come"):
        run(capsys, "debit", "drop", number, "--reason", "too late")
    book_due(now=at(DAY), limit=9)
    answer = tmp_path / "statement.txt"
    answer.write_text(line(DebitItem.objects.select_related("mandate").get()))
    assert "1 line: 0 paid, 1 came back" in run(capsys, "debit", "results", str(answer))
    assert "came back" in run(capsys, "debit", "show", number)
    assert "1 came back" in run(capsys, "debit", "list")
    with pytest.raises(Refused, match="There is no batch 999999"):
        run(capsys, "debit", "show", "999999")
    with pytest.raises(Refused, match="can't be read"):
        run(capsys, "debit", "results", str(tmp_path / "none"))


FILE = """
[[brand]]
name = "Example Net"

[[debit_orders]]
brand = "Example Net"
service_key = "a-service-key"
fee = "45.00"
again_after_days = 5
"""


def test_a_provider_file_says_how_a_brand_collects(tmp_path: Path) -> None:
    path = tmp_path / "provider.toml"
    path.write_text(FILE)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    at_home = Circumstances("cli:root", now, ZoneInfo("Africa/Johannesburg"), Units.DECIMAL, "ZAR")
    assert load(read(path), at_home).new == {"brand": 1, "debit_orders": 1}
    row = DebitOrderPolicy.objects.get()
    assert (row.service_key, row.vendor_key, row.fee_minor, row.again_after_days) == (
        "a-service-key", STANDARD_VENDOR_KEY, 4500, 5,
    )  # fmt: skip
    assert load(read(path), at_home).unchanged == 2
    path.write_text(FILE.replace("45.00", "50.00"))
    assert load(read(path), at_home).changed == {"debit_orders 'Example Net'": ["fee_minor"]}
    path.write_text(FILE.replace("again_after_days = 5", "again_after_days = 99"))
    with pytest.raises(Refused, match="tried again after 1 to 30 days"):
        load(read(path), at_home)
