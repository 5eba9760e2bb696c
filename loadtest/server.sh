# Sourced by the other scripts: starts a server with a configuration of its own and makes the two endpoints.
# Gives $work, $server (its process), $SIP_PORT, start_server, stop, rest, metrics, delta NAME, cpu_ticks.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=${BIN:-$here/../target/release/tandem}
SIP_PORT=${SIP_PORT:-15060} HTTP_PORT=${HTTP_PORT:-18080}
PROJECT=00000000-0000-4000-8000-000000000001 TOKEN=PT-load
work=$(mktemp -d)
pids=()

finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [ "${KEEP:-0}" = 1 ]; then echo "left: $work"; else rm -rf "$work"; fi
}
trap finish EXIT

# pin CPU COMMAND...: an empty CPU pins nothing. Ends with this script, however that ends. Never comes back: run it in (...).
pin() { local cpu=$1; shift; exec setpriv --pdeathsig KILL -- ${cpu:+taskset -c "$cpu"} "$@"; }
# stop PID: asks, waits up to ten seconds, then makes it.
stop() {
    kill "$1" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$1" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
    # Its number may be another's soon.
    local left=() pid
    for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || left+=("$pid"); done
    pids=("${left[@]}")
}
rest() { curl -sf -u "$PROJECT:$TOKEN" "$@"; }
metrics() { curl -sf "http://127.0.0.1:$HTTP_PORT/metrics"; }
cpu_ticks() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$server/stat"; }
value() { awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $2 } END { printf "%d", sum }' "$2"; }
delta() { echo $(($(value "$1" "$work/after.txt") - $(value "$1" "$work/before.txt"))); }

# start_server CALLER_CODEC CALLEE_CODEC [CALLER_ENCRYPTION]: with an empty database.
start_server() {
    rm -f "$work"/tandem.db*
    # RTP of the server lies below the system's range for outgoing connections (32768 up), SIPp's own in between.
    cat > "$work/tandem.toml" <<T
[project]
id = "$PROJECT"
token = "$TOKEN"
[sip]
udp = ["127.0.0.1:$SIP_PORT"]
tcp = ["127.0.0.1:$SIP_PORT"]
[media]
address = "127.0.0.1"
ports = [${MEDIA_PORTS:-18200, 27999}]
cpus = [${MEDIA_CPU:-1}]
load_max_percent = 100
[http]
listen = "127.0.0.1:$HTTP_PORT"
[store]
url = "sqlite:$work/tandem.db"
[recording]
folder = "$work/recordings"
[webhook]
allow = ["127.0.0.0/8"]
[limits]
calls_max = 10000
calls_per_second = 10000
drain_secs = 2
[log]
level = "${LOG:-info}"
T
    # shellcheck disable=SC2086
    (pin "${SERVER_CPU:-}" ${PROFILE:-} "$BIN" serve --config "$work/tandem.toml") > "$work/server.out" 2> "$work/server.log" &
    server=$!
    pids+=("$server")
    for _ in $(seq 300); do
        metrics > /dev/null 2>&1 && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    metrics > /dev/null || { cat "$work/server.log" >&2; exit 2; }
    endpoint caller "$1" "${3:-default}"
    endpoint callee "$2" default
}

endpoint() {
    rest -H 'Content-Type: application/json' "http://127.0.0.1:$HTTP_PORT/api/relay/rest/endpoints/sip" \
        -d "{\"username\":\"$1\",\"password\":\"load-$1\",\"codecs\":[\"$2\"],\"encryption\":\"$3\"}" > /dev/null
}

# many_endpoints PREFIX N: over one connection, for thousands take their time otherwise.
many_endpoints() {
    python3 - "$HTTP_PORT" "$PROJECT:$TOKEN" "$1" "$2" <<'PYTHON'
import base64, http.client, json, sys
port, login, prefix, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
http = http.client.HTTPConnection("127.0.0.1", port)
headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode(), "Content-Type": "application/json"}
for n in range(1, count + 1):
    body = json.dumps({"username": f"{prefix}{n}", "password": f"load-{prefix}{n}", "codecs": ["PCMU"], "encryption": "default"})
    http.request("POST", "/api/relay/rest/endpoints/sip", body, headers)
    answer = http.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        sys.exit(f"endpoint {n}: {answer.status} {text[:200]}")
PYTHON
}

# users PREFIX N: what SIPp reads with -inf: user, password, and an [authentication] for both.
users() {
    echo SEQUENTIAL
    for n in $(seq "$2"); do echo "$1$n;load-$1$n;[authentication username=$1$n password=load-$1$n]"; done
}

# What the server itself counted, between before.txt and after.txt.
server_counts() {
    for name in media_packets_in media_packets_out media_packets_dropped media_ticks_skipped media_events_lost \
        mailbox_messages_lost mailbox_overflows sip_messages_refused sip_send_failed; do
        printf '  %-24s %s\n' "$name" "$(delta "tandem_${name}_total")"
    done
    if grep -qE ' (WARN|ERROR) ' "$work/server.log"; then
        echo "log: $(grep -cE ' (WARN|ERROR) ' "$work/server.log") warnings and errors, the first:"
        grep -E ' (WARN|ERROR) ' "$work/server.log" | head -3
    fi
}
