#!/usr/bin/env bash
# Builds and serves the demo. Its configuration and data are kept in data/; edit data/tandem.toml as you like.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --release -p tandem

if [[ ! -f data/tandem.toml ]]; then
    mkdir -p data
    # The address other machines reach this one at; loopback when there is no network.
    address=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m1 -E '^[0-9.]+$' || true)
    address=${address:-127.0.0.1}
    cat >data/tandem.toml <<TOML
# Demo configuration, made by tools/run.sh. \`tandem serve --help\` names the manual of all keys.
[project]
space = "demo"

[server]
domain = "localhost"

[sip]
udp = ["$address:5060"]
tcp = ["$address:5060"]

[media]
address = "$address"
ports = [16384, 20479]

[http]
listen = "127.0.0.1:8080"

[store]
url = "sqlite:data/tandem.db"

[recording]
folder = "data/recordings"
TOML
fi

exec "${CARGO_TARGET_DIR:-target}/release/tandem" serve --demo --config data/tandem.toml
