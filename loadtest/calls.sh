#!/usr/bin/env bash
# 100 calls a second for 60 s from endpoint to endpoint, each with digest authentication and two seconds of media, by
# SIPp. Usage: loadtest/calls.sh [calls per second] [seconds]
set -euo pipefail
cd "$(dirname "$0")/.."

rate=${1:-100}
seconds=${2:-60}
bin=${CARGO_TARGET_DIR:-target}/release
work=$(mktemp -d)
callee_port=$((20000 + RANDOM % 10000))
pids=()
# Only processes started here, by their ids.
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; rm -rf "$work"' EXIT

# Sound: two seconds of a tone as raw u-law.
sox -q -n -r 8000 -c 1 -e mu-law -t raw "$work/sound.ul" synth 2 sine 440 gain -10
sed "s#\[sound\]#$work/sound.ul#" loadtest/sipp/caller.xml >"$work/caller.xml"

# The server, with "callee" registered where SIPp will listen. It ends when its input does.
mkfifo "$work/hold"
"$bin/tandem-loadtest" --tandem "$bin/tandem" serve --callee "127.0.0.1:$callee_port" <"$work/hold" >"$work/server" 2>"$work/cpu" &
pids+=($!)
exec 9>"$work/hold"
for _ in $(seq 100); do [[ -s $work/server ]] && break; sleep 0.1; done
read -r sip domain pid <"$work/server"

ulimit -n 20000 2>/dev/null || true
taskset -c 0 sipp -sf loadtest/sipp/callee.xml -i 127.0.0.1 -p "$callee_port" -mp 41000 -rtp_echo -nostdin \
    -trace_err -error_file "$work/callee.err" -l 10000 >/dev/null 2>&1 &
callee=$!
pids+=("$callee")
sleep 0.5

total=$((rate * seconds))
cpu() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
before=$(cpu)
status=0
taskset -c 0 sipp -sf "$work/caller.xml" -i 127.0.0.1 -p $((callee_port + 1)) -key domain "$domain" -auth_uri "$domain" \
    -r "$rate" -m "$total" -l $((rate * 30)) -nostdin -trace_stat -stf "$work/stat.csv" -fd 1 \
    -trace_err -error_file "$work/caller.err" -timeout $((seconds + 60))s "$sip" >"$work/screen" 2>&1 || status=$?
after=$(cpu)

# The columns of SIPp's statistics, by their names.
column() { awk -F';' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } END { print $c }' "$work/stat.csv"; }
echo "| measure | value |"
echo "|---|---|"
echo "| calls a second, seconds | $rate, $seconds |"
echo "| calls made, answered and ended as written | $(column 'TotalCallCreated'), $(column 'SuccessfulCall(C)') |"
echo "| failed | $(column 'FailedCall(C)') |"
echo "| retransmissions by the caller | $(column 'Retransmissions(C)') |"
echo "| mean time from INVITE with credentials to 200 | $(column 'ResponseTimesetup(C)') |"
awk -v t=$((after - before)) -v n="$total" 'BEGIN { printf "| server CPU per call, with its media | %.2f ms |\n", t * 10 / n }'
if [[ $status -ne 0 ]]; then
    head -c 3000 "$work/caller.err" >&2 || true
    exit "$status"
fi
