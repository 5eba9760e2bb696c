#!/usr/bin/env bash
# Endpoints that refresh their registrations, each challenged, by SIPp, at a server of its own.
#
#   loadtest/registrations.sh                     10,000 endpoints, each every 60 s, for 5 minutes
#   USERS=1000 EVERY=60 SECS=60 loadtest/registrations.sh
#
# USERS endpoints · EVERY seconds between two refreshes of one · SECS in all · SERVER_CPU, SIPP_CPU pin the two · BIN the server · KEEP=1 leaves the folder
# Ends with 1 when a registration failed or is missing at the end.
set -euo pipefail

# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"
USERS=${USERS:-10000} EVERY=${EVERY:-60} SECS=${SECS:-300}
RATE=$((USERS / EVERY))
start_server PCMU PCMU
many_endpoints load "$USERS"
cd "$work"
cp "$here"/sipp/register-load.xml .
users load "$USERS" > users.csv
ticks=$(cpu_ticks) began=$(date +%s.%N) status=0
(pin "${SIPP_CPU:-}" sipp -sf register-load.xml -inf users.csv -p $((SIP_PORT + 30)) -i 127.0.0.1 -nostdin -r "$RATE" -m $((RATE * SECS)) \
    -l $((RATE * 10)) -fd 1 -trace_stat -stf register.csv -trace_err "127.0.0.1:$SIP_PORT") > register.out 2>&1 || status=$?
elapsed=$(echo "$(date +%s.%N) - $began" | bc)
ticks=$(($(cpu_ticks) - ticks))
metrics > after.txt
read -r good failed repeats <<< "$(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    END { print $at["SuccessfulCall(C)"], $at["FailedCall(C)"], $at["Retransmissions(C)"] }' register.csv)"
held=$(value tandem_registrations after.txt)
hz=$(getconf CLK_TCK)
echo "registrations     $good in ${elapsed%.*} s, $USERS endpoints every $EVERY s"
echo "failed            $failed"
echo "retransmissions   $repeats"
echo "held at the end   $held"
echo "server CPU        $((ticks * 1000000 / hz / (good > 0 ? good : 1))) us each, $(echo "scale=1; $ticks * 100 / $hz / $elapsed" | bc) % of a core"
echo "server memory     $(awk '/VmHWM/ { print $2 }' "/proc/$server/status") KiB at most"
wanted=$((RATE * SECS < USERS ? RATE * SECS : USERS))
[ "$status" = 0 ] && [ "$failed" = 0 ] && [ "$held" -ge "$wanted" ]
