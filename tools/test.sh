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
# Most of the time goes to tests of whole processes, which mostly wait: one more at a time than there are CPUs.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) + 1))}
export RUST_TEST_THREADS
# --no-fail-fast: one run shows every failure.
status=0
rm -f target/again.log
cargo test --locked --workspace --no-fail-fast 2>&1 | tee target/test.log || status=$?

# The tests of whole processes keep real time on a machine that others may be using. A few that failed are tried once more, alone; what fails
# then has failed. All others have one try.
AGAIN_MAX=3
mapfile -t failed < <(awk '
    /^ +Running / { target = ""; if (match($0, /tests\/(e2e|hostile|interop)\/main\.rs/)) { split($2, part, "/"); target = part[2] } }
    /^test .* \.\.\. FAILED$/ { print (target == "" ? "-" : target), $2 }
' target/test.log)
second=()
if [[ $status != 0 ]] && ((${#failed[@]} > 0 && ${#failed[@]} <= AGAIN_MAX)) && ! grep -q '^error: could not compile' target/test.log; then
    status=0
    for one in "${failed[@]}"; do
        read -r target name <<< "$one"
        [[ $target != - ]] && step "once more: $target $name" \
            && cargo test --locked -p tandem --test "$target" -- --exact "$name" >> target/again.log 2>&1 \
            && second+=("$name") || status=1
    done
fi

awk -v second="${#second[@]}" '
    /^test result: / { for (i = 1; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1);
                                                  if ($i ~ /^ignored/) ignored += $(i-1) } }
    END { passed += second; failed -= second
          printf "\ntest result: %s. %d passed; %d failed; %d ignored\n", failed ? "FAILED" : "ok", passed, failed, ignored }
' target/test.log
((${#second[@]} == 0)) || printf 'passed at the second try, alone: %s\n' "${second[*]}"
exit "$status"
