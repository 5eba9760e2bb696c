#!/usr/bin/env bash
# What calls that wait in a queue cost beside calls that hear a file for ever: CPU per call, by SIPp, at a server of its own each.
#
#   loadtest/waiting.sh                         1,000 calls each, measured for 20 s
#   CALLS=50 SECS=5 BIN=target/debug/tandem loadtest/waiting.sh
#
# CALLS that wait at once · SECS measured · RATE of their arrival · SERVER_CPU, MEDIA_CPU, SIPP_CPU pin · BIN the server · KEEP=1 leaves the folder
# Ends with 1 when a call failed.
set -euo pipefail

# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"
CALLS=${CALLS:-1000} SECS=${SECS:-20} RATE=${RATE:-50}
APP_PORT=$((HTTP_PORT + 1)) CALLER_PORT=$((SIP_PORT + 20)) ECHO_PORT=$((SIP_PORT + 40))
hz=$(getconf CLK_TCK)

# Documents, and a file as long and as loud as the music of the queue.
(pin "" python3 - "$APP_PORT" <<'PYTHON'
import array, http.server, io, math, sys, wave
file = io.BytesIO()
with wave.open(file, "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(8000)
    tones = array.array("h", (int(2000 * (math.sin(n * 0.35) + math.sin(n * 0.44))) for n in range(16 * 8000)))
    out.writeframes(tones.tobytes())
answers = {
    "/queue": ("application/xml", b"<Response><Enqueue>waiting</Enqueue></Response>"),
    "/play": ("application/xml", b"<Response><Play loop=\"0\">/music.wav</Play></Response>"),
    "/music.wav": ("audio/wav", file.getvalue()),
}
class Application(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind, body = answers.get(self.path, ("text/plain", b""))
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application).serve_forever()
PYTHON
) > "$work/app.out" 2>&1 &
pids+=($!)

application() {
    rest -H 'Content-Type: application/json' "http://127.0.0.1:$HTTP_PORT/api/relay/rest/domain_applications" -d "{\"name\":\"$1\",
        \"identifier\":\"$1\",\"call_handler\":\"laml_webhooks\",\"call_request_url\":\"http://127.0.0.1:$APP_PORT/$1\"}" > /dev/null
}

# measure NAME: sets per_call to the CPU that one call takes in a second, in microseconds.
measure() {
    start_server PCMU PCMU
    application "$1"
    cp "$here"/sipp/caller-trusted.xml "$work/"
    cd "$work"
    hold=$((CALLS * 1000 / RATE + SECS * 1000 + 15000))
    (pin "${SIPP_CPU:-}" sipp -sf caller-trusted.xml -s anything -key domain "tandem-$1.dapp.localhost" -p "$CALLER_PORT" -mp "$ECHO_PORT" \
        -rtp_echo -rtp_buffsize 4000000 -r "$RATE" -m "$CALLS" -l "$CALLS" -d "$hold" -i 127.0.0.1 -mi 127.0.0.1 -nostdin -trace_err \
        "127.0.0.1:$SIP_PORT") > "$1.out" 2>&1 &
    local sipp=$!
    pids+=("$sipp")
    for _ in $(seq $((CALLS * 10 / RATE + 100))); do
        metrics > now.txt
        [ "$(value tandem_legs_live now.txt)" -ge "$CALLS" ] && break
        sleep 0.1
    done
    sleep 2
    metrics > before.txt
    local live ticks
    live=$(value tandem_legs_live before.txt) ticks=$(cpu_ticks)
    sleep "$SECS"
    ticks=$(($(cpu_ticks) - ticks))
    metrics > after.txt
    if [ "$live" -lt "$CALLS" ]; then echo "only $live of $CALLS calls live" >&2; head -20 ./*_errors.log server.log >&2 || true; exit 1; fi
    if [ "$1" = queue ]; then
        waiting=$(rest "http://127.0.0.1:$HTTP_PORT/api/laml/2010-04-01/Accounts/$PROJECT/Queues" | grep -o '"current_size":[0-9]*')
        [ "$waiting" = "\"current_size\":$CALLS" ] || { echo "not all wait: $waiting" >&2; exit 1; }
    fi
    per_call=$(echo "scale=1; $ticks * 1000000 / $hz / $SECS / $CALLS" | bc)
    echo "$(printf '%-8s' "$1") $CALLS calls, $per_call us of CPU a call and second, $(echo "scale=1; $ticks * 100 / $hz / $SECS" | bc) % of a core," \
        "$(delta tandem_media_packets_out_total) packets sent, $(awk '/VmRSS/ { print $2 }' "/proc/$server/status") KiB"
    kill "$sipp" 2>/dev/null || true
    wait "$sipp" 2>/dev/null || true
    stop "$server"
}

measure play
play=$per_call
measure queue
echo "a call in <Enqueue> costs $(echo "scale=2; $per_call / $play" | bc) times one in <Play loop=\"0\">"
