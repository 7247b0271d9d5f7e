# lib.sh - what tools/quickstart and tools/test share: words to the user, packages, the build. Sourced, not run.
#
# Works on a fresh Debian 12 (minbase): no sudo where the user is root, no systemd, no service is started by an
# installation.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Debian's own Python: that is the one that python3-pymysql belongs to.
PYTHON=/usr/bin/python3

BUILD_PACKAGES=(ca-certificates cmake ninja-build gcc libc6-dev pkg-config default-libmysqlclient-dev libev-dev
    libyaml-dev libcmocka-dev libssl-dev libgmp-dev)
RUN_PACKAGES=(mariadb-server mariadb-client python3)
TEST_PACKAGES=(python3-pymysql python3-cryptography sysbench openssl)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "These must run as root, and there is no sudo: $*"
    fi
}

# need_packages NAME...: installs those that are missing. Says nothing and needs no network when all are there.
need_packages() {
    local missing=() name
    for name in "$@"; do
        case "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" in
        installed) ;;
        *) missing+=("$name") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing packages: ${missing[*]}"
    local log made_policy=
    log=$(mktemp)
    # The database package starts a server on the usual port unless a policy forbids it. Ours leaves again afterwards; one
    # that was there before stays as it is.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d'
        made_policy=1
    fi
    local failed=
    { as_root env DEBIAN_FRONTEND=noninteractive apt-get update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 || failed=1
    [ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
    if [ -n "$failed" ]; then
        tail -n 25 "$log" >&2
        die "apt-get failed (all of its output: $log)"
    fi
    rm -f "$log"
}

# build PRESET [TARGET...]: configures when needed and builds, quietly unless it fails.
build() {
    local preset=$1 log="$ROOT/build/$1.log"
    shift
    mkdir -p "$ROOT/build"
    say "Building ($preset; the compiler's output goes to build/$preset.log) ..."
    if ! (cd "$ROOT" && cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}) >"$log" 2>&1; then
        grep -E -A4 'error:|undefined reference|CMake Error' "$log" | head -n 40 >&2 || tail -n 40 "$log" >&2
        die "The build failed (all of its output: build/$preset.log)"
    fi
}
