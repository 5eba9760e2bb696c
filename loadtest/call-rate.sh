#!/usr/bin/env bash
# Calls between two endpoints at a fixed rate, by SIPp, through a server of its own.
#
#   loadtest/call-rate.sh                       100 calls/s for 60 s, media both ways, each held 2.5 s
#   RATE=300 SECS=20 MEDIA=0 loadtest/call-rate.sh    signalling alone
#
# RATE calls/s · SECS seconds of new calls · HOLD_MS per call · MEDIA 1|0 · BIN the server · KEEP=1 leaves the folder
# SERVER_CPU, SIPP_CPU pin the two; PROFILE is a command put before the server.
# Ends with 1 when a call failed.
set -euo pipefail

# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"
RATE=${RATE:-100} SECS=${SECS:-60} HOLD_MS=${HOLD_MS:-2500} MEDIA=${MEDIA:-1}
CALLEE_PORT=$((SIP_PORT + 10)) CALLER_PORT=$((SIP_PORT + 20)) REGISTER_PORT=$((SIP_PORT + 30)) ECHO_PORT=$((SIP_PORT + 40))
start_server PCMU PCMU
head -c 16000 /dev/zero | tr '\0' '\125' > "$work/tone.ulaw"
cp "$here"/sipp/*.xml "$work/"
cd "$work"

common=(-i 127.0.0.1 -mi 127.0.0.1 -nostdin -trace_err "127.0.0.1:$SIP_PORT")
(pin "${SIPP_CPU:-}" sipp -sf register.xml -s callee -au callee -ap load-callee -key contact_port "$CALLEE_PORT" -m 1 \
    -p "$REGISTER_PORT" "${common[@]}") > register.out 2>&1 || { cat register.out *_errors.log >&2; exit 2; }

# The called side echoes what it hears from one port for all calls.
echo_args=(); if [ "$MEDIA" = 1 ]; then echo_args=(-rtp_echo -rtp_buffsize 4000000); fi
(pin "${SIPP_CPU:-}" sipp -sf callee.xml -p "$CALLEE_PORT" -mp "$ECHO_PORT" "${echo_args[@]}" "${common[@]}") > callee.out 2>&1 &
pids+=($!)
sleep 0.5

scenario=caller.xml media_args=()
if [ "$MEDIA" = 1 ]; then
    scenario=caller-media.xml
    media_args=(-mp 28000 -rtp_threadtasks 200)
fi
metrics > before.txt
ticks=$(cpu_ticks) began=$(date +%s.%N)
status=0
(pin "${SIPP_CPU:-}" sipp -sf "$scenario" -s caller -au caller -ap load-caller -p "$CALLER_PORT" \
    -r "$RATE" -m $((RATE * SECS)) -l $((RATE * (HOLD_MS / 1000 + 5) * 2)) -d "$HOLD_MS" \
    "${media_args[@]}" -fd 1 -trace_stat -stf caller.csv -trace_counts -trace_rtt -rtt_freq 100 \
    "${common[@]}") > caller.out 2>&1 || status=$?
ended=$(date +%s.%N)
sleep 1
ticks=$(($(cpu_ticks) - ticks))
metrics > after.txt

tally=$(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    END { print $at["SuccessfulCall(C)"], $at["FailedCall(C)"], $at["Retransmissions(C)"], $at["OutgoingCall(C)"] }' caller.csv)
read -r good failed repeats begun <<< "$tally"
elapsed=$(echo "$ended - $began" | bc)
hz=$(getconf CLK_TCK)
echo "calls             $begun at $RATE/s in ${elapsed%.*} s, held $HOLD_MS ms, media $MEDIA"
echo "answered, ended   $good"
echo "failed            $failed"
echo "retransmissions   $repeats by the caller"
echo "set-up ms         $(awk -F';' 'FNR > 1 && $2 + 0 > 0 { print $2 }' ./*_rtt.csv 2>/dev/null | sort -n |
    awk '{ v[NR] = $1 } END { if (NR) printf "p50 %s, p99 %s, max %s", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR] }')"
echo "server CPU        $((ticks * 1000000 / hz / (begun > 0 ? begun : 1))) us per call, $(echo "scale=1; $ticks * 100 / $hz / $elapsed" | bc) % of a core"
echo "server memory     $(awk '/VmHWM/ { print $2 }' "/proc/$server/status") KiB at most"
server_counts
if [ "${KEEP:-0}" != 1 ] && [ "$failed" != 0 ]; then cat ./*_errors.log 2>/dev/null | head -40 || true; fi
[ "$status" = 0 ] && [ "$failed" = 0 ]
