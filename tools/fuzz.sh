#!/usr/bin/env bash
# Runs each fuzz target for SECS seconds (60), or only those named. Installs cargo-fuzz when it is missing.
# Usage: SECS=600 tools/fuzz.sh [target…]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECS:-60}
# The sanitizers' flags are unstable; the compiler of the rest of the project has them all the same.
export RUSTC_BOOTSTRAP=1

command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

targets=("$@")
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(cargo fuzz list)
fi

failed=()
for target in "${targets[@]}"; do
    printf '\n== %s for %s s\n' "$target" "$seconds"
    mkdir -p "fuzz/corpus/$target"
    # New inputs go to the first folder; the second has the committed seeds.
    cargo fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 ||
        failed+=("$target")
done

if ((${#failed[@]})); then
    printf '\nfindings in: %s (inputs in fuzz/artifacts)\n' "${failed[*]}" >&2
    exit 1
fi
