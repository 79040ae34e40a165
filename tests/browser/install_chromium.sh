#!/bin/sh
# Makes sure that the browser tests have a Chromium: Debian's package, where we may install it.
command -v chromium >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing Debian's chromium for the browser tests ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends chromium >/dev/null && exit 0
fi
if [ -n "${CI:-}" ]; then
    echo "chromium is not installed and could not be: the browser tests need it in CI" >&2
    exit 1
fi
echo "chromium is not installed: the browser tests will be skipped. Install the package 'chromium'." >&2
