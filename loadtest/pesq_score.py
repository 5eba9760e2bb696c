"""Scores what was heard against what was said (ITU-T P.862, narrow band): pesq_score.py SPEECH HEARD SUBJECT

SPEECH holds NAME.8000, HEARD holds NAME.opus_to_pcmu and NAME.pcmu_to_opus: 16 bits, 8 kHz, mono, no header.
Prints a line a file as the other figures of a comparison are kept: `voice SUBJECT DIRECTION SCORE`.
"""

import pathlib
import sys

import numpy
from pesq import pesq

RATE = 8000


def samples(path):
    return numpy.frombuffer(path.read_bytes(), dtype="<i2").astype(numpy.float32) / 32768


def main(speech, heard, subject):
    for said in sorted(pathlib.Path(speech).glob("*.8000")):
        for direction in ("opus_to_pcmu", "pcmu_to_opus"):
            score = pesq(RATE, samples(said), samples(pathlib.Path(heard) / f"{said.stem}.{direction}"), "nb")
            print(f"voice {subject} {direction} {score:.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
