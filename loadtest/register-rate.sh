#!/usr/bin/env bash
# Registrations at a fixed rate, by SIPp, through a server of its own: each is a challenge, an answer by digest, and a 200 once
# the binding is on disk.
#
#   loadtest/register-rate.sh                          1,000 a second for 20 s, of 2,000 users in turn
#   RATE=167 SECS=60 USERS=10000 loadtest/register-rate.sh   10,000 phones that refresh every minute
#
# RATE registrations/s · SECS · USERS · BIN the server · KEEP=1 leaves the folder · SERVER_CPU, SIPP_CPU pin the two
# PROFILE is a command put before the server. Ends with 1 when a registration failed.
set -euo pipefail

# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"
RATE=${RATE:-1000} SECS=${SECS:-20} USERS=${USERS:-2000}
start_server PCMU PCMU
cp "$here"/sipp/register-load.xml "$work/"
cd "$work"

{
    echo SEQUENTIAL
    seq "$USERS" | awk '{ printf "u%d;load-u%d;[authentication username=u%d password=load-u%d]\n", $1, $1, $1, $1 }'
} > users.csv
# One connection for all of them.
seq "$USERS" | awk -v url="http://127.0.0.1:$HTTP_PORT/api/relay/rest/endpoints/sip" -v user="$PROJECT:$TOKEN" '
    NR > 1 { print "next" }
    { printf "url = \"%s\"\nuser = \"%s\"\nheader = \"Content-Type: application/json\"\nfail\nsilent\noutput = \"/dev/null\"\n", url, user
      printf "data = \"{\\\"username\\\":\\\"u%d\\\",\\\"password\\\":\\\"load-u%d\\\"}\"\n", $1, $1 }' > users.curl
curl --no-progress-meter --parallel --parallel-max 50 -K users.curl

metrics > before.txt
ticks=$(cpu_ticks) began=$(date +%s.%N)
status=0
(pin "${SIPP_CPU:-}" sipp -sf register-load.xml -inf users.csv -i 127.0.0.1 -p $((SIP_PORT + 10)) -nostdin -trace_err \
    -r "$RATE" -m $((RATE * SECS)) -l $((RATE * 10)) -fd 1 -trace_stat -stf register.csv \
    "127.0.0.1:$SIP_PORT") > register.out 2>&1 || status=$?
ended=$(date +%s.%N)
ticks=$(($(cpu_ticks) - ticks))
metrics > after.txt

tally=$(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    END { print $at["SuccessfulCall(C)"], $at["FailedCall(C)"], $at["Retransmissions(C)"] }' register.csv)
read -r good failed repeats <<< "$tally"
hz=$(getconf CLK_TCK)
elapsed=$(echo "$ended - $began" | bc)
echo "registrations     $good of $((RATE * SECS)) at $RATE/s in ${elapsed%.*} s, $USERS users"
echo "failed            $failed"
echo "retransmissions   $repeats by the phones"
echo "server CPU        $((ticks * 1000000 / hz / (good > 0 ? good : 1))) us per registration, $(echo "scale=1; $ticks * 100 / $hz / $elapsed" | bc) % of a core"
echo "server memory     $(awk '/VmHWM/ { print $2 }' "/proc/$server/status") KiB at most"
echo "registered        $(value tandem_registrations after.txt)"
if [ "$failed" != 0 ]; then head -40 ./*_errors.log 2>/dev/null || true; fi
[ "$status" = 0 ] && [ "$failed" = 0 ]
