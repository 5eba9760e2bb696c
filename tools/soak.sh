#!/usr/bin/env bash
# The attacks of server/tests/hostile with the counts that are promised, one class after the other, each within MINUTES
# (400: half a million descriptions, each a call, take five hours, most others minutes). Needs tools/setup.sh test, an idle machine, and most
# of a day. Usage: tools/soak.sh [test-name-filter…]
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${MINUTES:-400}
export HOSTILE=soak

classes=("$@")
if ((${#classes[@]} == 0)); then
    classes=(row_01_parser::spoilt row_01_websocket row_02 row_03 row_04 row_05 row_06 row_07 row_08 row_09 row_10 row_11 row_12 row_17 overload sessions row_01_parser::descriptions)
fi

# Thousands of connections and sources are descriptors.
ulimit -n "$(ulimit -Hn)" || true

cargo test --locked -p tandem --test hostile --no-run
failed=()
for class in "${classes[@]}"; do
    printf '\n== %s, for %s minutes at most\n' "$class" "$minutes"
    timeout --signal=TERM --kill-after=60 "${minutes}m" \
        cargo test --locked -p tandem --test hostile "$class" -- --nocapture --test-threads=1 || failed+=("$class")
done

if ((${#failed[@]})); then
    printf '\nnot passed: %s\n' "${failed[*]}" >&2
    exit 1
fi
