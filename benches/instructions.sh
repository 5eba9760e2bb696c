#!/bin/sh
# Counts the instructions of one INVITE parse, of the writing of a 200 and of an INVITE, of one packet passed through a bridge and of one transcoded, of a conference's tick, and of 20 ms of each
# codec either way, and compares them with benches/instructions.baseline. Needs valgrind.
#
#   benches/instructions.sh           compare; fails when a count grew by more than the tolerance
#   benches/instructions.sh --write   count, and write the baseline anew
#
# Counts belong to one compiler and one processor family: write the baseline anew when either changes.
set -eu

tolerance_percent=5
low=1000
high=3000

here=$(cd "$(dirname "$0")" && pwd)
baseline=$here/instructions.baseline
cd "$here/.."
cargo build --quiet --release -p tandem-benches --bin instructions
program=${CARGO_TARGET_DIR:-target}/release/instructions

# Instructions of a whole run.
run() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

# Instructions of one: what setting up costs is in both runs and falls out.
count() {
    # A frame of Opus is a hundred thousand instructions: fewer of them do.
    case $1 in
    encode-* | decode-*) few_times=100 many_times=300 ;;
    *) few_times=$low many_times=$high ;;
    esac
    few=$(run "$1" "$few_times")
    many=$(run "$1" "$many_times")
    echo $(((many - few) / (many_times - few_times)))
}

mode=${1:-compare}
[ "$mode" = --write ] && : >"$baseline"
failed=0
for what in sip-parse-invite sip-write-response sip-write-request rtp-pass-through rtp-transcode mix-100-pcmu $("$program" codecs); do
    now=$(count "$what")
    if [ "$mode" = --write ]; then
        echo "$what $now" | tee -a "$baseline"
        continue
    fi
    was=$(sed -n "s/^$what //p" "$baseline")
    if [ -z "$was" ]; then
        echo "$what: $now, no baseline"
        failed=1
        continue
    fi
    change=$(((now - was) * 1000 / was))
    echo "$what: $now, baseline $was, change $change per mille"
    if [ "$change" -gt $((tolerance_percent * 10)) ]; then
        echo "$what: grew by more than $tolerance_percent %"
        failed=1
    elif [ "$change" -lt $((-tolerance_percent * 10)) ]; then
        echo "$what: shrank by more than $tolerance_percent %; write the baseline anew to keep it"
    fi
done
exit $failed
