#!/usr/bin/env bash
# The attacks of server/tests/hostile with the counts that are promised: first those that measure no time, one for each CPU at once, then the
# others one after the other. An hour on two CPUs. Each class has MINUTES (60), and its output is target/soak/CLASS.log.
# Needs tools/setup.sh test and an idle machine. Usage: tools/soak.sh [test-name-filter…]; what is named runs one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${MINUTES:-60}
export HOSTILE=soak

beside=() alone=("$@")
if (($# == 0)); then
    # The longest first.
    beside=(sessions row_01_parser::spoilt_messages_over_udp row_01_parser::descriptions row_01_parser::spoilt_messages_over_tcp
        row_01_parser::spoilt_messages_over_tls row_01_parser::spoilt_messages_over_websocket row_01_websocket row_02 row_05 row_06 row_07 row_08
        row_09 row_11 row_17 row_18 row_19 row_23)
    alone=(row_03 row_10 row_12 overload row_04)
fi

# Thousands of connections and sources are descriptors.
ulimit -n "$(ulimit -Hn)" || true

cargo test --locked -p tandem --test hostile --no-run
logs=target/soak
rm -rf "$logs"
mkdir -p "$logs"

# What became of a class is the last line of its log.
class() {
    local log=$logs/$1.log since=$SECONDS outcome=passed
    timeout --signal=TERM --kill-after=60 "${minutes}m" \
        cargo test --locked -p tandem --test hostile "$1" -- --nocapture --test-threads=1 > "$log" 2>&1 || outcome="NOT PASSED ($?)"
    # A filter that finds nothing has tried nothing.
    grep -q '^test result: ok\. [1-9]' "$log" || outcome=${outcome/#passed/NOT RUN}
    printf '%-48s %4d.%d min  %s\n' "$1" $(((SECONDS - since) / 60)) $(((SECONDS - since) % 60 / 6)) "$outcome" | tee -a "$log"
}

for name in "${beside[@]}"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n; done
    class "$name" &
done
wait
for name in "${alone[@]}"; do
    class "$name"
done

printf '\n'
failed=0
for name in "${beside[@]}" "${alone[@]}"; do
    tail -n 1 "$logs/$name.log"
    [[ $(tail -n 1 "$logs/$name.log") == *passed ]] || failed=1
    grep -hE 'RSS grew|^[0-9]+ (messages|sessions|descriptions|connections|wrong)' "$logs/$name.log" | sed 's/^/    /' || true
done
exit "$failed"
