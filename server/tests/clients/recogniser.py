"""A recogniser over a WebSocket, by the protocol of Vosk's server: the real engine PocketSphinx behind the least server there can
be. The words it listens for are those of the configuration's phrase_list, or two that it has.

Usage: recogniser.py HOST      prints the port it listens at, and serves until it is killed
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading

import pocketsphinx


class Socket:
    """The server's side of RFC 6455, as far as a test needs it."""

    def __init__(self, connection):
        self.file = connection.makefile("rwb")
        key = None
        while True:
            line = self.file.readline().strip().decode()
            if not line:
                break
            name, _, value = line.partition(":")
            if name.lower() == "sec-websocket-key":
                key = value.strip()
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self.file.write(
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
            ).encode()
        )
        self.file.flush()

    def receive(self):
        """Opcode and payload; None when the other side has gone."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        opcode, length = head[0] & 15, head[1] & 127
        if length == 126:
            length = struct.unpack(">H", self.file.read(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.file.read(8))[0]
        mask = self.file.read(4)
        data = self.file.read(length)
        return opcode, bytes(b ^ mask[i % 4] for i, b in enumerate(data))

    def send(self, message, opcode=1):
        data = message.encode()
        head = bytes([0x80 | opcode]) + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data)))
        self.file.write(head + data)
        self.file.flush()


def decoder(config):
    model = pocketsphinx.get_model_path()
    made = pocketsphinx.Decoder(
        hmm=os.path.join(model, "en-us/en-us"),
        dict=os.path.join(model, "en-us/cmudict-en-us.dict"),
        samprate=float(config["sample_rate"]),
        lm=None,
        loglevel="FATAL",
    )
    words = " | ".join(config.get("phrase_list", ["operator", "accounting"]))
    made.add_jsgf_string("words", f"#JSGF V1.0; grammar words; public <words> = ( {words} ) ;")
    made.activate_search("words")
    return made


def serve(connection):
    peer = Socket(connection)
    listener, last, audio = None, None, bytearray()
    while (message := peer.receive()) is not None:
        opcode, data = message
        if opcode == 8:
            return
        if opcode == 2 and listener is not None:
            audio += data
            listener.process_raw(data, False, False)
            hypothesis = listener.hyp()
            text = hypothesis.hypstr if hypothesis else ""
            if text != last:
                last = text
                peer.send(json.dumps({"partial": text}))
        if opcode == 1:
            said = json.loads(data)
            if "config" in said:
                listener = decoder(said["config"])
                listener.start_utt()
            if "eof" in said:
                listener.end_utt()
                # Once more, whole: the engine then knows the mean of all of it.
                listener.start_utt()
                listener.process_raw(bytes(audio), False, True)
                listener.end_utt()
                hypothesis = listener.hyp()
                text = hypothesis.hypstr if hypothesis else ""
                logmath = listener.logmath
                sure = min(1.0, logmath.exp(hypothesis.prob)) if hypothesis else 0.0
                result = [{"word": word, "conf": max(sure, 0.01)} for word in text.split()]
                peer.send(json.dumps({"result": result, "text": text}))
                peer.send("", 8)
                return


def main():
    listening = socket.create_server((sys.argv[1], 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
