"""The import contracts would notice: one tree with a breach of each breaks each."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.tidy import ROOT

BREACHES = {
    "capstan/values/money.py": "import django",  # pure
    "capstan/catalog/models.py": "import capstan.caps.models",  # layers
    "capstan/caps/queries.py": "import capstan.caps.actions",  # names
    "capstan/network/radius/avp.py": "import pyrad",  # decoder
    "capstan/demo/routers/codec.py": "import capstan.network.radius.avp",  # honest routers
    "capstan/demo/gateway/protocol.py": "import capstan.payments.rules.words",  # honest gateway
}


def test_each_contract_notices_its_breach(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "capstan", tmp_path / "capstan", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, line in BREACHES.items():
        broken = tmp_path / path
        if not broken.exists():  # the module has become a package of the same name
            broken = tmp_path / path.removesuffix(".py") / "breach.py"
        broken.touch()
        broken.write_text(f"{broken.read_text()}\n{line}\n")
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    assert "Contracts: 0 kept, 6 broken." in said, said
