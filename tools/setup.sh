#!/usr/bin/env bash
# Installs what is missing for `make run`, `make test` or `loadtest/compare`; does nothing when nothing is.
# Usage: tools/setup.sh run|test|compare
set -euo pipefail
cd "$(dirname "$0")/.."

goal=${1:-test}

# What building needs (libopus is compiled with cmake), speech, and recordings as MP3.
packages=(build-essential cmake pkg-config espeak-ng lame)
if [[ $goal == test ]]; then
    # The real clients of the tests.
    packages+=(sip-tester baresip-core sox iproute2 procps python3 python3-venv)
    # The published Node libraries run there.
    packages+=(nodejs npm)
    # The scanner of the hostile tests.
    packages+=(sipvicious)
    # The proxy before the nodes, and more user agents.
    packages+=(kamailio kamailio-websocket-modules kamailio-tls-modules openssl sipsak linphone-cli)
fi
if [[ $goal == compare ]]; then
    # The relay to compare with, and what makes speech. Its own service, which Debian starts, is not needed.
    packages+=(rtpengine-daemon sox curl python3 python3-venv python3-dev)
fi

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "cannot install packages: neither root nor sudo. Please install: ${missing[*]}"
        exit 1
    fi
}

installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true) == installed ]]
}

# The tests run Kamailio with their own configuration. What the package would start is somebody's decision, so the service
# stays off when we are the ones who bring it; one that is installed already is not touched.
hold_kamailio() {
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl mask --quiet kamailio.service
    elif [[ ! -e /usr/sbin/policy-rc.d ]]; then
        printf '#!/bin/sh\n[ "$1" != kamailio ] || exit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
        as_root chmod 755 /usr/sbin/policy-rc.d
        wrote_policy=1
    fi
}

release_kamailio() {
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl unmask --quiet kamailio.service
        as_root systemctl disable --quiet kamailio.service 2>/dev/null || true
    elif [[ -n $wrote_policy ]]; then
        as_root rm -f /usr/sbin/policy-rc.d
    fi
}

wrote_policy=
missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        # An older name of the same.
        [[ $package == linphone-cli ]] && installed linphone-nogtk && continue
        # Other packages of Node bring its npm.
        [[ $package == npm ]] && command -v npm >/dev/null && continue
        installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]})); then
        say "installing: ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        brings_kamailio=
        [[ " ${missing[*]} " == *" kamailio "* ]] && brings_kamailio=1
        if [[ -n $brings_kamailio ]]; then
            hold_kamailio
            trap release_kamailio EXIT
        fi
        install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
        # Package lists may be absent or too old to fetch by: then bring them up to date and try once more.
        as_root "${install[@]}" >/dev/null 2>&1 </dev/null || {
            as_root apt-get update -q </dev/null >&2
            as_root "${install[@]}" </dev/null >&2
        }
        if [[ -n $brings_kamailio ]]; then
            release_kamailio
            trap - EXIT
        fi
    fi
else
    for tool in cmake cc pkg-config; do
        command -v "$tool" >/dev/null || { say "this is not Debian: please install $tool"; exit 1; }
    done
fi

if ! command -v cargo >/dev/null; then
    say "Rust is missing: install it from https://rustup.rs and try again"
    exit 1
fi

# Python packages, in environments of their own: one pins an old version of another.
# python_package NAME VERSION [MORE...]
python_package() {
    local name=$1 version=$2 home=target/venv/$1
    if [[ -f $home/.installed-$version ]]; then return; fi
    say "installing the Python package $name $version"
    rm -rf "$home"
    mkdir -p target/venv
    /usr/bin/python3 -m venv "$home"
    "$home/bin/pip" install --quiet --disable-pip-version-check --no-input "$name==$version" "${@:3}" </dev/null >&2
    touch "$home/.installed-$version"
}

# The Node packages of server/tests/clients/node, as its lock file has them.
node_packages() {
    local from=server/tests/clients/node home=target/node
    if cmp --silent "$from/package-lock.json" "$home/package-lock.json" && [[ -f $home/.installed ]]; then return; fi
    say "installing the Node packages of $from"
    rm -rf "$home"
    mkdir -p "$home"
    cp "$from/package.json" "$from/package-lock.json" "$home"
    (cd "$home" && npm ci --silent --no-audit --no-fund --ignore-scripts </dev/null >&2)
    touch "$home/.installed"
}

if [[ $goal == test ]]; then
    node_packages
    # The published client libraries.
    python_package twilio 9.13.0
    python_package signalwire 2.1.1
    # The codec ours is compared with.
    python_package G722 1.2.8
    # The recogniser of the menu.
    python_package pocketsphinx 5.1.1
fi
if [[ $goal == compare ]]; then
    # ITU-T P.862, built from source, and what it takes samples as.
    python_package pesq 0.0.4 numpy==1.26.4
fi
