"""The embedded broker as a program of its own: python -m tools.demo.broker PORT.

Ends when its standard input closes, so that it never outlives who started it.
"""

import sys

from iotcore import Broker


def main():
    broker = Broker(port=int(sys.argv[1]), listen="127.0.0.1")
    broker.start()
    print("ready", flush=True)
    try:
        sys.stdin.buffer.read()
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
