"""Scores what `quality` wrote against what was said: PESQ (P.862, and P.862.2 at 16 kHz), the mean over all voices and seeds.

quality.py <program> <voices> <work>: called by quality.sh, which made the voices.
"""

import pathlib
import subprocess
import sys
import wave

import numpy
import pesq

program, voices, work = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
seeds = range(1, int(sys.argv[4]) + 1) if len(sys.argv) > 4 else range(1, 4)

# What, over which network, at which rate; the least score asked for, if any.
CASES = [
    ("pcmu-silence", "clean", 8000, None),
    ("pcmu", "clean", 8000, None),
    ("pcmu-silence", "loss:1", 8000, None),
    ("pcmu-repeat", "loss:1", 8000, None),
    ("pcmu", "loss:1", 8000, 3.8),
    ("pcmu-silence", "loss:5", 8000, None),
    ("pcmu-repeat", "loss:5", 8000, None),
    ("pcmu", "loss:5", 8000, 3.2),
    ("pcmu-silence", "loss:20", 8000, None),
    ("pcmu-repeat", "loss:20", 8000, None),
    ("pcmu", "loss:20", 8000, 2.0),
    ("pcmu", "jitter:20", 8000, None),
    ("pcmu", "jitter:100", 8000, None),
    ("pcmu", "stall:150", 8000, None),
    ("opus", "clean", 8000, None),
    ("opus-bare", "loss:5", 8000, None),
    ("opus-nofec", "loss:5", 8000, None),
    ("opus", "loss:5", 8000, 3.5),
    ("opus", "clean", 16000, None),
    ("opus-bare", "loss:5", 16000, None),
    ("opus-nofec", "loss:5", 16000, None),
    # P.862.2 is another scale: here the bare decoder is the measure.
    ("opus", "loss:5", 16000, None),
    ("opus", "jitter:20", 16000, None),
    ("opus", "jitter:100", 16000, None),
]


def samples(path):
    with wave.open(str(path)) as file:
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)


failed = False
only = sys.argv[5] if len(sys.argv) > 5 else ""
print(f"{'codec':13} {'network':11} {'rate':>5} {'PESQ':>5} {'worst':>5}  asked  figures of the first")
for codec, network, rate, asked in CASES:
    if only and only not in f"{codec} {network} {rate}":
        continue
    scores, figures = [], ""
    for voice in sorted(voices.glob(f"*-{rate}.wav")):
        said = samples(voice)
        for seed in [1] if network == "clean" else seeds:
            heard = work / "heard.wav"
            done = subprocess.run(
                [program, codec, network, str(seed), voice, heard], check=True, capture_output=True, text=True
            )
            figures = figures or done.stdout.strip()
            scores.append(pesq.pesq(rate, said, samples(heard), "nb" if rate == 8000 else "wb"))
    mean = sum(scores) / len(scores)
    verdict = "" if asked is None else f"{asked} {'ok' if mean >= asked else 'MISSED'}"
    failed |= verdict.endswith("MISSED")
    print(f"{codec:13} {network:11} {rate:5} {mean:5.2f} {min(scores):5.2f}  {verdict:10} {figures}", flush=True)
sys.exit(1 if failed else 0)
