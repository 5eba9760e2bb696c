#!/usr/bin/env bash
# Every figure of docs/performance.md. The machine should do nothing else; the server has CPU 1, the generators CPU 0.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --locked --release -p tandem -p tandem-loadtest
bin=${CARGO_TARGET_DIR:-target}/release
ulimit -n 20000 2>/dev/null || true
relay() { taskset -c 0 "$bin/tandem-loadtest" --tandem "$bin/tandem" --cpu 1 relay "$@"; }

printf '\n## 100 calls a second for 60 s\n\n'
loadtest/calls.sh 100 60
printf '\n## 500 relayed calls\n\n'
relay --calls 500 --seconds 30
printf '\n## 20 transcoded calls, Opus and PCMU\n\n'
relay --calls 20 --seconds 30 --callee opus
