#!/bin/sh
# What test suites and benchmarks need from Debian: independent RADIUS programs, an SMS gateway and a bookkeeping program to
# stand against, a browser.
# Further packages may be named as arguments. Installs what is missing as root or with sudo; else names it. In CI missing
# packages are a failure.
set -eu

missing=
for package in chromium fonts-dejavu-core freeradius freeradius-postgresql freeradius-utils hledger kannel kannel-extras "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

give_up() {
    echo "missing Debian packages:$missing ($1)" >&2
    if [ "${CI:-}" = true ]; then
        exit 1
    fi
    echo "tests against these programs are skipped; install them with: sudo apt-get install$missing" >&2
    exit 0
}

command -v apt-get >/dev/null || give_up "this is no Debian or Ubuntu"
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    give_up "neither root nor passwordless sudo"
fi

echo "installing$missing"
$root apt-get -qq update || give_up "apt-get update failed"
# The server must not start by itself: the tests run their own, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
    trap '$root rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # several packages
$root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null \
    || give_up "apt-get install failed"
