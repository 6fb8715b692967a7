"""What a process of the product needs to know."""

import os
import secrets
from pathlib import Path

from bench.ports import free_udp_ports


def of_product(database_url: str, folder: Path) -> dict[str, str]:
    """Settings for the product's processes, and for ours where we use its code. Others that were set are taken away."""
    for name in [name for name in os.environ if name.startswith("CAPSTAN_")]:
        del os.environ[name]
    auth_port, acct_port = free_udp_ports(2)
    return {
        "DJANGO_SETTINGS_MODULE": "capstan.config.settings",
        "DATABASE_URL": database_url,
        "CAPSTAN_DATA_DIR": str(folder),
        "CAPSTAN_FIELD_KEY": secrets.token_hex(32),
        "CAPSTAN_SECRET_KEY": secrets.token_hex(32),
        "CAPSTAN_RADIUS_HOSTS": "127.0.0.1",
        "CAPSTAN_RADIUS_AUTH_PORT": str(auth_port),
        "CAPSTAN_RADIUS_ACCT_PORT": str(acct_port),
        "CAPSTAN_LOG_FORMAT": "json",
    }
