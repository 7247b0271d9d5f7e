# lib.sh - what tools/quickstart and tools/test share: words to the user, packages, the build. Sourced, not run.
#
# Works on a fresh Debian 12 (minbase): no sudo where the user is root, no systemd, no service is started by an
# installation.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Debian's own Python: that is the one that python3-pymysql belongs to.
PYTHON=/usr/bin/python3

BUILD_PACKAGES=(ca-certificates cmake ninja-build gcc libc6-dev pkg-config default-libmysqlclient-dev libev-dev
    libyaml-dev libcmocka-dev libssl-dev libgmp-dev zlib1g-dev libzstd-dev libsodium-dev)
RUN_PACKAGES=(mariadb-server mariadb-client python3)
TEST_PACKAGES=(python3-pymysql python3-cryptography sysbench openssl)

# What tests/integration/drivers tries. `package=command`: not needed where the command is there already. A driver that cannot be
# installed is skipped by its test.
DRIVER_PACKAGES=(libmariadb-dev python3-mysqldb python3-sqlalchemy python3-django nodejs=node npm=npm php-cli php-mysql libdbd-mysql-perl
    libdbd-mariadb-perl ruby ruby-mysql2 golang-go=go golang-github-go-sql-driver-mysql-dev default-jdk-headless=javac libmariadb-java
    mycli haproxy)

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

# missing_packages NAME[=COMMAND]...: those that are not installed, a line each.
missing_packages() {
    local entry
    for entry in "$@"; do
        case "$entry" in
        *=*) ! command -v "${entry#*=}" >/dev/null || continue ;;
        esac
        [ "$(dpkg-query -W -f='${db:Status-Status}' "${entry%%=*}" 2>/dev/null)" = installed ] || echo "${entry%%=*}"
    done
}

# install_packages LOG NAME...: by apt-get, quietly. The database package starts a server on the usual port unless a policy forbids it. Ours
# leaves again afterwards; one that was there before stays as it is.
install_packages() {
    local log=$1 made_policy= failed=
    shift
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        as_root sh -c 'printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d'
        made_policy=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1 || failed=1
    [ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
    [ -z "$failed" ]
}

# need_packages NAME...: installs those that are missing. Says nothing and needs no network when all are there.
need_packages() {
    local missing log
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing packages: ${missing[*]}"
    log=$(mktemp)
    if ! as_root apt-get update >"$log" 2>&1 || ! install_packages "$log" "${missing[@]}"; then
        tail -n 25 "$log" >&2
        die "apt-get failed (all of its output: $log)"
    fi
    rm -f "$log"
}

# want_packages NAME...: the same for what one can do without. Where they do not go together, each is tried alone; what stays away
# is named, and nothing fails.
want_packages() {
    local missing log name
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing packages for the driver tests: ${missing[*]}"
    log=$(mktemp)
    as_root apt-get update >"$log" 2>&1 || true
    if ! install_packages "$log" "${missing[@]}"; then
        for name in "${missing[@]}"; do
            install_packages "$log" "$name" || say "Not installed: $name (its tests are skipped; apt-get's output: $log)"
        done
        return 0
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
