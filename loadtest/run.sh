#!/usr/bin/env bash
# Every figure of docs/performance.md, one after the other. Wants an idle machine; takes about three quarters of an hour.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
${CARGO:-cargo} build --locked --release -p tandem -p tandem-loadtest
status=0
step() { echo; echo "== $*"; "$@" || status=1; }
step loadtest/call-rate.sh
RATE=300 SECS=20 MEDIA=0 step loadtest/call-rate.sh
# Ten minutes at 500 calls a second, and ten thousand phones.
RATE=500 SECS=600 HOLD_MS=1000 MEDIA=0 step loadtest/call-rate.sh
step loadtest/registrations.sh
step loadtest/churn.sh
step loadtest/compare-signalling
for calls in 100 300 500; do step loadtest/media.sh relay --calls "$calls" --secs 20; done
step loadtest/media.sh transcode --calls 20 --secs 20 --peer-percent 4.1
exit "$status"
