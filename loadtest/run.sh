#!/usr/bin/env bash
# Every figure of docs/performance.md, one after the other. Wants an idle machine; takes about five minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
${CARGO:-cargo} build --locked --release -p tandem -p tandem-loadtest
status=0
step() { echo; echo "== $*"; "$@" || status=1; }
step loadtest/call-rate.sh
RATE=300 SECS=20 MEDIA=0 step loadtest/call-rate.sh
for calls in 100 300 500; do step loadtest/media.sh relay --calls "$calls" --secs 20; done
step loadtest/media.sh transcode --calls 20 --secs 20 --peer-percent 4.1
exit "$status"
