"""The embedded server's settings: sized to the machine, and never at the expense of what was acknowledged."""

import os
from pathlib import Path

MB = 1024 * 1024

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""What must hold so that an acknowledged packet survives a power cut; checked after the start as well."""

_THROWAWAY = dict.fromkeys(DURABLE, "off")


def settings(socket: Path, hba: Path, ident: Path, logs: Path, *, durable: bool) -> dict[str, str]:
    """All settings of the server, given on its command line so that no file in the data folder can weaken them."""
    memory = _memory_bytes()
    shared = 128 if not durable else min(max(memory // 8 // MB, 128), 4096)
    return {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": str(socket),
        "unix_socket_permissions": "0700",
        "hba_file": str(hba),
        "ident_file": str(ident),
        "max_connections": "200",
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(memory // 2 // MB, 128)}MB",
        "maintenance_work_mem": f"{min(max(shared // 4, 64), 512)}MB",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB" if durable else "80MB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "autovacuum_vacuum_scale_factor": "0.05",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "logging_collector": "on" if durable else "off",
        "log_directory": str(logs),
        "log_filename": "postgresql-%w.log",  # one file a weekday, written over a week later
        "log_truncate_on_rotation": "on",
        "log_checkpoints": "off",
        **(DURABLE if durable else _THROWAWAY),
    }


def _memory_bytes() -> int:
    """The machine's memory, or the container's limit where that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(text)) if text.isdigit() else machine
