#!/bin/sh
# Make .venv with everything in uv.lock, on a fresh Debian or Ubuntu too, and the assets that browsers get.
# Does nothing when that is done already.
set -eu
cd "$(dirname "$0")/.."

done_for=.venv/set-up-for
wanted=$(cat uv.lock pyproject.toml tools/setup.sh | sha256sum)
if [ -f "$done_for" ] && [ "$(cat "$done_for")" = "$wanted" ]; then
    exec .venv/bin/python -m tools.assets
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

may_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

for python in python3 python3.14 python3.13 python3.12 python3.11 none; do
    if [ "$python" = none ]; then
        echo "Capstan needs Python 3.11 or newer: install it (Debian 12, Ubuntu 24.04 and later have it)" >&2
        exit 1
    fi
    if command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        break
    fi
done

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if may_be_root && command -v apt-get >/dev/null; then
            echo "installing $package, which Debian keeps apart from Python"
            as_root apt-get -qq update
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "$package" >/dev/null
        else
            echo "Python's venv module is incomplete here: install it with: sudo apt-get install $package" >&2
            exit 1
        fi
    fi
    "$python" -m venv .venv
fi

if [ ! -x .venv/bin/uv ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
fi
.venv/bin/uv sync --frozen --inexact --quiet # inexact: uv itself is not in its own lock file
printf '%s\n' "$wanted" >"$done_for"
exec .venv/bin/python -m tools.assets
