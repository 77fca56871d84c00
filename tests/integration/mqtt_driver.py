"""A program around one MQTT client, the same for all clients and both interpreters.

    python mqtt_driver.py paho|asyncio        micropython mqtt_driver.py asyncio

Commands come as JSON lines on stdin, what happens goes out as JSON lines on stdout:
    {"do": "connect", ...options}    a new client; later events carry its number "n"
    {"do": "publish", "topic", "payload" (hex) or "size", "qos", "retain", "token", "times"}
                                     answers {"accepted": how many}; stops at the first refusal
    {"do": "subscribe", "topic", "qos"}, {"do": "close"}, {"do": "abort"}
    {"do": "hold", "on": true}       take no more events until "on": false; answers {"held"}
    {"do": "stall"}                  answers {"stall": longest hold-up of the loop in ms since the
                                     last time it was asked}
Events come as {"n": 1, "event": ["message", topic, payload in hex]}.
"""

import asyncio
import json
import sys

from agent import port
from agent.comms.mqtt import MqttError, MqttOptions

KIND = sys.argv[1]
TICK_S = 0.01

if KIND == "paho":
    from agent.port.mqtt_paho import Client
else:
    from agent.port.mqtt_asyncio import Client


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


class Driver:
    def __init__(self):
        self.client = None
        self.number = 0
        self.held = False
        self.stall = 0
        self.clients = []

    async def tick(self):
        """Measures how long the loop is held up."""
        last = port.uptime_ms()
        while True:
            await asyncio.sleep(TICK_S)
            now = port.uptime_ms()
            self.stall = max(self.stall, now - last - int(TICK_S * 1000))
            last = now

    def take(self, number):
        client = self.clients[number - 1]
        while client and not self.held:
            event = client.take()
            if event is None:
                break
            what = [e.hex() if isinstance(e, bytes) else e for e in event]
            if event[0] == "closed":
                what.append(client.detail)
                self.clients[number - 1] = None
            say(n=number, event=what)

    def connect(self, options):
        will = options.get("will")
        if will:
            options["will"] = (will[0], bytes.fromhex(will[1]), will[2], will[3])
        self.number += 1
        number = self.number
        self.client = Client(MqttOptions(**options), lambda: self.take(number))
        self.clients.append(self.client)
        self.client.start()

    def publish(self, topic, qos=0, retain=False, token=0, payload=None, size=0, times=1):
        data = bytes(size) if payload is None else bytes.fromhex(payload)
        accepted = 0
        while accepted < times and self.client.publish(topic, data, qos, retain, token + accepted):
            accepted += 1
        say(accepted=accepted, inflight=self.client.inflight)

    def hold(self, on):
        self.held = on
        say(held=on)
        for number in range(1, self.number + 1):
            self.take(number)

    def do(self, command):
        what = command.pop("do")
        if what == "connect":
            self.connect(command)
        elif what == "publish":
            self.publish(**command)
        elif what == "subscribe":
            say(accepted=int(self.client.subscribe(command["topic"], command["qos"])))
        elif what == "close":
            self.client.close()
        elif what == "abort":
            self.client.abort()
        elif what == "hold":
            self.hold(command["on"])
        elif what == "stall":
            say(stall=self.stall)
            self.stall = 0


async def stdin_reader():
    if sys.implementation.name == "micropython":
        return asyncio.StreamReader(sys.stdin)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def main():
    driver = Driver()
    ticker = asyncio.create_task(driver.tick())
    reader = await stdin_reader()
    say(ready=KIND)
    while True:
        line = await reader.readline()
        if not line:
            break
        try:
            driver.do(json.loads(line))
        except MqttError as e:
            say(error=str(e))
    ticker.cancel()


asyncio.run(main())
