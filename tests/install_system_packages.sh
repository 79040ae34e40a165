#!/bin/sh
# Makes sure that the tests have what is no Python package: Debian's packages, where we may install
# them. Servers among them are only for those that tests start themselves: none of the system's own is
# made or started.
set -u

missing() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        printf ' chromium'
    command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
        printf ' postgresql'
    command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || printf ' nginx-light'
    command -v sqlite3 >/dev/null 2>&1 || printf ' sqlite3'
    command -v openssl >/dev/null 2>&1 || printf ' openssl'
    command -v systemd-analyze >/dev/null 2>&1 || printf ' systemd'
}

wanted=$(missing)
[ -z "$wanted" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's packages for the tests:$wanted ..."
    # Debian makes and starts a cluster unless its own settings say otherwise before the package comes.
    settings=/etc/postgresql-common/createcluster.conf
    if [ "${wanted#*postgresql}" != "$wanted" ] && [ ! -e "$settings" ]; then
        mkdir -p "${settings%/*}"
        printf 'create_main_cluster = false\nstart_conf = manual\n' >"$settings"
    fi
    # And it starts every server that it installs unless this says no.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold \
        $wanted >/dev/null
    wanted=$(missing)
    [ -z "$wanted" ] && exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "not installed, and could not be:$wanted. The tests need them in CI." >&2
    exit 1
fi
echo "not installed:$wanted. Their tests will be skipped; install Debian's packages of that name." >&2
