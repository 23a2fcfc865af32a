#!/bin/sh
# System parts that the tests talk to. Installed as root; without root, say what to type and go on:
# the tests that need a missing part are skipped and counted.
set -eu
PACKAGES="chromium chromium-driver"
missing=""
for package in $PACKAGES; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Some tests need system parts. Type: sudo apt-get install -y$missing"
fi
