"""The OBD machine as a process that is driven line by line, under either interpreter.

    python tests/support/obd_peer.py SETTINGS     (JSON; `micropython -X heapsize=… ` is the same)

stdin:   "NOW HEX"      bytes that came by then (- for none); "memory": the heap's state;
         "ignition NOW LEVEL", "clear NOW", "reading NOW SIGNAL"
stdout:  "OUT WAKE EVENTS"   bytes to write in hexadecimal (-: none), ms until the next call, JSON;
         for the others a JSON value
"""

import gc
import json
import sys
from binascii import hexlify, unhexlify

from agent.obd import services
from agent.obd.poller import Obd


def step(obd, now, data):
    events = list(obd.feed(data, now))
    out = obd.poll(now)
    events.extend(obd.take())
    text = hexlify(out).decode() if out else "-"
    return f"{text} {obd.wake(now)} {json.dumps(events)}"


def memory():
    gc.collect()
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def asked(obd, words):
    if words[0] == "memory":
        return memory()
    now = int(words[1])
    if words[0] == "ignition":
        return obd.ignition({"on": True, "off": False}.get(words[2]), now)
    if words[0] == "reading":
        return obd.readings.get(int(words[2]), now)
    if words[0] == "counters":
        return obd.counters
    try:
        return obd.order_clear(services.CLEAR_ORDER, now)
    except services.ServiceRefused as e:
        return str(e)


def main():
    obd = Obd(json.loads(sys.argv[1]))
    obd.start(0)
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        words = line.split()
        if words[0].isdigit():
            data = b"" if words[1] == "-" else unhexlify(words[1])
            print(step(obd, int(words[0]), data))
        else:
            print(json.dumps(asked(obd, words)))
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()


main()
