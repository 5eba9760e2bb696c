#!/bin/sh
# What calls sound like over bad networks, as docs/audio-quality.md shows it: speech of several voices through codec, seeded
# network and jitter buffer, scored with PESQ against what was said. Time is simulated; the figures are the same in every run.
#
#   benches/quality.sh [seeds] [filter]     seeds per voice (3), and a part of a case's name such as "loss:5"
#
# Needs espeak-ng and sox for the voices, and python3 with room for a virtual environment under target/ (package pesq).
# Fails when a score that was asked for is missed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
target=${CARGO_TARGET_DIR:-target}
venv=$target/quality-venv
voices=$target/quality/voices
work=$target/quality

if ! "$venv/bin/python" -c 'import pesq' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet numpy cython setuptools wheel
    "$venv/bin/pip" install --quiet --no-build-isolation pesq==0.0.4
fi

mkdir -p "$voices"
text="The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well. \
These days a chicken leg is a rare dish. Rice is often served in round bowls."
# say NAME VOICE PITCH: both rates from one utterance, with a little room noise as any call has it.
say() {
    [ -s "$voices/$1-16000.wav" ] && return
    espeak-ng -v "$2" -p "$3" -s 155 -w "$work/said.wav" "$text"
    for rate in 8000 16000; do
        sox -R -G "$work/said.wav" -r $rate -b 16 -c 1 "$work/$rate.wav" gain -n -6 pad 0.3 0.3
        sox -R -n -r $rate -b 16 -c 1 "$work/noise.wav" synth "$(soxi -D "$work/$rate.wav")" pinknoise gain -58
        sox -R -m -v 1 "$work/$rate.wav" -v 1 "$work/noise.wav" "$voices/$1-$rate.wav"
    done
}
say man en-us+m3 40
say man-deep en-gb+m7 25
say woman en-us+f2 60
say woman-high en-gb+f4 75

cargo build --quiet --release -p tandem-benches --bin quality
"$venv/bin/python" benches/quality.py "$target/release/quality" "$voices" "$work" "${1:-3}" "${2:-}"
