#!/usr/bin/env bash
# The same calls again and again on one server, drained in between: what it keeps of calls that are over shows as memory that grows
# from round to round.
#
#   loadtest/churn.sh                   five rounds of 60 s at 400 calls/s, 45 s of rest after each; ten minutes
#
# ROUNDS · RATE calls/s · SECS of new calls a round · HOLD_MS per call · REST seconds after a round, above the 32 s of the longest SIP timer
# GROWTH_MAX percent from the second round to the last (5) · BIN, SERVER_CPU, SIPP_CPU as in call-rate.sh
# Each call is challenged, answered and hung up. Ends with 1 when calls failed, something was left, or memory grew by more.
set -euo pipefail

# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"
ROUNDS=${ROUNDS:-5} RATE=${RATE:-400} SECS=${SECS:-60} HOLD_MS=${HOLD_MS:-500} REST=${REST:-45} GROWTH_MAX=${GROWTH_MAX:-5}
CALLEE_PORT=$((SIP_PORT + 10)) CALLER_PORT=$((SIP_PORT + 20)) REGISTER_PORT=$((SIP_PORT + 30))
ulimit -n "$(ulimit -Hn)"
start_server PCMU PCMU
cp "$here"/sipp/*.xml "$work/"
cd "$work"

common=(-i 127.0.0.1 -mi 127.0.0.1 -nostdin "127.0.0.1:$SIP_PORT")
register() {
    (pin "${SIPP_CPU:-}" sipp -sf register.xml -s callee -au callee -ap load-callee -key contact_port "$CALLEE_PORT" -m 1 \
        -p "$REGISTER_PORT" "${common[@]}") > register.out 2>&1 || { cat register.out >&2; exit 2; }
}
(pin "${SIPP_CPU:-}" sipp -sf callee.xml -p "$CALLEE_PORT" -mp $((SIP_PORT + 40)) "${common[@]}") > callee.out 2>&1 &
pids+=($!)
sleep 0.5

of_status() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$server/status"; }
descriptors() { find "/proc/$server/fd" -mindepth 1 | wc -l; }

status=0 failed_all=0
printf '%-6s %8s %7s %12s %12s %6s %8s %6s\n' round calls failed 'KiB, loaded' 'KiB, at rest' files threads legs
for round in $(seq "$ROUNDS"); do
    register
    rm -f caller.csv
    (pin "${SIPP_CPU:-}" sipp -sf caller.xml -s caller -au caller -ap load-caller -p "$CALLER_PORT" -mp $((SIP_PORT + 60)) \
        -r "$RATE" -m $((RATE * SECS)) -l $((RATE * 20)) -d "$HOLD_MS" -fd 1 -trace_stat -stf caller.csv "${common[@]}") > caller.out 2>&1 || true
    loaded=$(of_status VmRSS)
    sleep "$REST"
    metrics > after.txt
    read -r calls failed <<< "$(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        END { print $at["SuccessfulCall(C)"] + $at["FailedCall(C)"], $at["FailedCall(C)"] }' caller.csv)"
    rest=$(of_status VmRSS) legs=$(value tandem_legs_live after.txt)
    printf '%-6s %8s %7s %12s %12s %6s %8s %6s\n' "$round" "$calls" "$failed" "$loaded" "$rest" "$(descriptors)" "$(of_status Threads)" "$legs"
    failed_all=$((failed_all + failed))
    [ "$legs" = 0 ] || { echo "$legs legs are left" >&2; status=1; }
    if [ "$round" = 2 ]; then second=$rest total=0; elif [ "$round" -gt 2 ]; then total=$((total + calls)); fi
done
if [ "$ROUNDS" -gt 2 ]; then
    grown=$((rest - second))
    echo "from the second round to the last: $grown KiB, $(echo "scale=1; $grown * 100 / $second" | bc) %; $((grown * 1024 / (total > 0 ? total : 1))) bytes a call"
    [ $((grown * 100)) -le $((second * GROWTH_MAX)) ] || status=1
fi
[ "$failed_all" = 0 ] || status=1
exit "$status"
