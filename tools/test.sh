#!/usr/bin/env bash
# Format check, lints, tests: one profile, so that little is built twice. Needs tools/setup.sh test.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

step() { printf '\n== %s\n' "$*"; }

step "format"
cargo fmt --all -- --check
step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
step "tests"
# --no-fail-fast: one run shows every failure.
status=0
cargo test --locked --workspace --no-fail-fast 2>&1 | tee target/test.log || status=$?

awk '
    /^test result: / { for (i = 1; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1);
                                                  if ($i ~ /^ignored/) ignored += $(i-1) } }
    END { printf "\ntest result: %s. %d passed; %d failed; %d ignored\n", failed ? "FAILED" : "ok", passed, failed, ignored }
' target/test.log
exit "$status"
