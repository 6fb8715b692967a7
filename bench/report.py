"""The result as a table for people and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.scale import Scale
from bench.sides import Cell
from bench.targets import Finding


def text(findings: Sequence[Finding], cells: Sequence[Cell], machine: str) -> str:
    lines = [machine, ""]
    for finding in findings:
        lines.append(f"{'holds ' if finding.holds else 'MISSED'}  {finding.target}")
        lines.append(f"        wanted {finding.wanted}; measured {finding.measured}")
        lines += [f"        - {remark}" for remark in finding.remarks]
    lines += [
        "",
        f"{'side':8} {'cell':34} {'per s':>9} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}  CPU, µs per request",
    ]
    lines += [_row(cell) for cell in cells]
    return "\n".join(lines) + "\n"


def _row(cell: Cell) -> str:
    load = cell.load
    parts = sorted(cell.cpu_us.items(), key=lambda item: -item[1])
    spent = ", ".join(f"{name} {us:.1f}" for name, us in parts if us >= 0.05)
    trouble = "".join(
        f"  [{name} {count}]"
        for name, count in (
            ("lost", load.lost),
            ("forged", load.bad_authenticators),
            ("resent", load.retransmits),
        )
        if count
    )
    return (
        f"{cell.side:8} {cell.what:34} {cell.rate:9,.0f} {load.p50_ms:8.1f} {load.p99_ms:8.1f} {load.max_ms:8.0f}"
        f"  {spent}{trouble}"
    )


def machine(server_version: str) -> str:
    return (
        f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, Python {platform.python_version()},"
        f" PostgreSQL {server_version}; generator, servers and database on this machine"
    )


def save(
    folder: Path, name: str, *, shown: str, findings: Sequence[Finding], cells: Sequence[Cell], scale: Scale
) -> None:
    """Writes `name`.txt and `name`.json."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text(shown)
    result: dict[str, Any] = {
        "scale": asdict(scale),
        "findings": [asdict(finding) for finding in findings],
        "cells": [asdict(cell) for cell in cells],
    }
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
