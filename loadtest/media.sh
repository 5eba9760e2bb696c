#!/usr/bin/env bash
# Calls with RTP from both ends, through a server of its own.
#
#   loadtest/media.sh relay --calls 500 --secs 20        PCMU at both ends
#   loadtest/media.sh srtp --calls 300 --secs 20         the same, with SRTP by SDES at the caller
#   loadtest/media.sh transcode --calls 20 --secs 20     Opus at the caller, PCMU at the callee
#
# MEDIA_CPU (1) is the media thread's; GENERATOR_CPU (0) the generator's. BIN, GENERATOR: the two programs.
set -euo pipefail
# shellcheck source=server.sh
. "$(dirname "$0")/server.sh"

kind=${1:?relay, srtp or transcode}
shift
case $kind in
    relay) start_server PCMU PCMU ;;
    srtp) start_server PCMU PCMU required ;;
    transcode) start_server OPUS PCMU ;;
    *) echo "relay, srtp or transcode, not $kind" >&2; exit 2 ;;
esac
metrics > "$work/before.txt"
status=0
(pin "${GENERATOR_CPU-0}" "${GENERATOR:-$here/../target/release/tandem-loadtest}" "$kind" --server "127.0.0.1:$SIP_PORT" \
    --pid "$server" --caller caller:load-caller --callee callee:load-callee "$@") || status=$?
metrics > "$work/after.txt"
server_counts
exit "$status"
