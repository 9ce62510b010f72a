"""What real libraries send, to our server and to another, reply by reply: `scripts.py PORT PEER_PORT CMD...`.

Each CMD is a program that gets a port. It runs against the peer through a proxy that notes every
request and its moment. Then the notes are sent, one by one, each on its connection and after as long a
time (what expires must expire), to our server and to the peer at once, and every reply is compared, and
the data afterwards.

    program --> proxy --> peer          notes --> ours   replies, data
                  |                       |                 must be
                notes                     +----> peer       the same

Not compared: what tells of the server or the moment (INFO, TIME, CLIENT ...), ids that XADD makes, the
order of what has none. Numbers that may be made of the time may differ by a minute.
"""

import concurrent.futures
import re
import shlex
import socket
import subprocess
import sys
import threading
import time

LEAVE_OUT = {"subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "monitor", "quit", "auth", "hello", "client", "command"}
OF_THE_MOMENT = {"info", "time", "lastsave", "memory", "publish", "config", "randomkey", "xadd", "xread"}
UNORDERED = {"keys", "smembers", "hgetall", "hkeys", "hvals", "scan", "sscan", "hscan", "sinter", "sunion", "sdiff"}
BLOCKING = {"blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax", "bzmpop", "blmpop", "xread", "xreadgroup"}


class Stream:
    """Reads RESP from a socket."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def more(self):
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise EOFError
        self.data += piece

    def line(self):
        while b"\r\n" not in self.data:
            self.more()
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def exactly(self, size):
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def value(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind in b"$=!":
            return None if int(rest) < 0 else self.exactly(int(rest) + 2)[:-2]
        if kind in b"*~>":
            return None if int(rest) < 0 else [self.value() for _ in range(int(rest))]
        if kind == b"%":
            return [self.value() for _ in range(2 * int(rest))]
        if kind == b":":
            return int(rest)
        return line

    def request(self):
        line = self.line()
        if line[:1] != b"*":
            return line.split()
        return [self.exactly(int(self.line()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]


class Recorder:
    def __init__(self, peer):
        self.peer, self.notes, self.lock, self.connections = peer, [], threading.Lock(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.peer))
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.requests, args=(self.connections, client, server), daemon=True).start()
            threading.Thread(target=self.replies, args=(client, server), daemon=True).start()

    def requests(self, number, client, server):
        stream = Stream(client)
        try:
            while True:
                words = stream.request()
                if not words:
                    continue
                out = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
                with self.lock:
                    self.notes.append((number, words, time.monotonic()))
                    server.sendall(out)
        except (EOFError, OSError):
            # Closing would leave it open for as long as the other thread reads.
            server.shutdown(socket.SHUT_RDWR)

    def replies(self, client, server):
        try:
            while piece := server.recv(1 << 16):
                client.sendall(piece)
        except OSError:
            pass
        try:
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Replay:
    """The notes, sent to one server."""

    def __init__(self, port):
        self.port, self.connections, self.waiting = port, {}, {}

    def connection(self, number):
        if number not in self.connections:
            self.connections[number] = Stream(socket.create_connection(("127.0.0.1", self.port), timeout=15))
        return self.connections[number]

    def send(self, number, words):
        out = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        self.connection(number).sock.sendall(out)

    def call(self, number, words):
        self.send(number, words)
        return self.connection(number).value()

    def run(self, notes):
        """Gives a reply for each note. One that may block is waited for when its connection goes on."""
        replies = [None] * len(notes)
        start = time.monotonic() - notes[0][2]
        for i, (number, words, moment) in enumerate(notes):
            time.sleep(max(0, start + moment - time.monotonic()))
            if number in self.waiting:
                replies[self.waiting.pop(number)] = self.reply(number)
            self.send(number, words)
            if words[0].lower().decode() in BLOCKING:
                self.waiting[number] = i
                # It must have come before what the next connection says.
                time.sleep(0.003)
            else:
                replies[i] = self.reply(number)
        return replies

    def reply(self, number):
        try:
            return self.connection(number).value()
        except TimeoutError:
            del self.connections[number]
            return b"no reply"

    def data(self):
        """Every key's value, as far as two runs can agree."""
        found = {}
        for db in range(16):
            if self.call("data", [b"SELECT", b"%d" % db]) != b"+OK":
                break
            for key in sorted(self.call("data", [b"KEYS", b"*"])):
                kind = self.call("data", [b"TYPE", key])
                read = {
                    b"+string": [b"GET", key],
                    b"+list": [b"LRANGE", key, b"0", b"-1"],
                    b"+set": [b"SMEMBERS", key],
                    b"+hash": [b"HGETALL", key],
                    b"+zset": [b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
                    b"+stream": [b"XRANGE", key, b"-", b"+"],
                }[kind]
                value = self.call("data", read)
                if kind == b"+set":
                    value = sorted(value)
                elif kind == b"+hash":
                    value = sorted(zip(value[::2], value[1::2]))
                elif kind == b"+stream":
                    value = [fields for _, fields in value]
                expires = self.call("data", [b"PTTL", key])
                found[db, key] = (kind, value, "expires" if expires > 0 else expires)
        return found


# Scripts answer what is left of a time, in milliseconds, or in seconds with a fraction.
IN_SCRIPTS = 100
MOMENT = re.compile(rb"\d{16}|\d{13}(-\d+)?|\d{10}(\.\d+)?")


def alike(a, b, least):
    """Equal; numbers from `least` on may be made of the time, and differ by a minute of milliseconds."""
    if a == b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        in_order = len(a) == len(b) and all(alike(x, y, least) for x, y in zip(a, b))
        return in_order or (least == IN_SCRIPTS and is_hash(a) and is_hash(b) and alike(fields(a), fields(b), least))
    try:
        x, y = float(a), float(b)
        seconds = least == IN_SCRIPTS and isinstance(a, bytes) and b"." in a and abs(x - y) < 1
        soon = least == IN_SCRIPTS and min(x, y) >= 10 and abs(x - y) <= 20
        return seconds or soon or (min(x, y) >= least and abs(x - y) <= 60_000)
    except (TypeError, ValueError):
        return isinstance(a, bytes) and MOMENT.sub(b"T", a) == MOMENT.sub(b"T", b)


def is_hash(reply):
    return len(reply) % 2 == 0 and all(isinstance(word, bytes) for word in reply)


def fields(reply):
    """What a script passed on of HGETALL: fields have no order."""
    return sorted(zip(reply[::2], reply[1::2]))


def comparable(words, reply):
    name = words[0].lower().decode()
    if name in OF_THE_MOMENT or (isinstance(reply, bytes) and reply.startswith(b"+")):
        return reply if name not in OF_THE_MOMENT else None
    if name in UNORDERED and isinstance(reply, list):
        if name in ("scan", "sscan", "hscan"):
            return None
        if name == "hgetall":
            return fields(reply)
        return sorted(reply)
    return reply


def main():
    ours, peer = int(sys.argv[1]), int(sys.argv[2])
    bad = 0
    for command in sys.argv[3:]:
        flush = lambda port: Replay(port).call(0, [b"FLUSHALL"]) and Replay(port).call(0, [b"SCRIPT", b"FLUSH"])
        flush(peer)
        recorder = Recorder(peer)
        subprocess.run([*shlex.split(command), str(recorder.port)], check=True, timeout=300)
        notes = [note for note in recorder.notes if note[1][0].lower().decode() not in LEAVE_OUT]
        for port in (peer, ours):
            flush(port)
        replays = [Replay(port) for port in (peer, ours)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = list(pool.map(lambda replay: replay.run(notes), replays))
        data = [replay.data() for replay in replays]
        scripts = differ = 0
        for (_, words, _), a, b in zip(notes, *runs):
            name = words[0].lower().decode()
            is_script = name in ("eval", "evalsha", "fcall", "eval_ro", "evalsha_ro")
            scripts += is_script
            timed = is_script or name == "exec"
            least = 0 if name in ("pttl", "ttl") else IN_SCRIPTS if timed else 1e9
            if not alike(comparable(words, a), comparable(words, b), least):
                differ += 1
                if differ <= 5:
                    shown = b" ".join(words)[:300]
                    print(f"  differs: {shown}\n    peer {str(a)[:300]}\n    ours {str(b)[:300]}")
        for key in sorted(set(data[0]) | set(data[1]), key=str):
            a, b = data[0].get(key), data[1].get(key)
            if not alike(a, b, 1e9):
                differ += 1
                if differ <= 10:
                    print(f"  data differs at {key}:\n    peer {str(a)[:300]}\n    ours {str(b)[:300]}")
        name = command.split("/")[-1]
        print(f"{name}: {len(notes)} requests, {scripts} of them scripts, {len(data[0])} keys: {differ} differ")
        bad += differ
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
