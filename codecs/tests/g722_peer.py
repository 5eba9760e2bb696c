"""Encodes or decodes standard input with the package G722: `g722_peer.py encode|decode RATE`."""
import array
import sys

from G722 import G722

what, rate = sys.argv[1], int(sys.argv[2])
data = sys.stdin.buffer.read()
codec = G722(rate, 64000)
if what == "encode":
    sys.stdout.buffer.write(codec.encode(array.array("h", data)))
else:
    sys.stdout.buffer.write(codec.decode(data).tobytes())
