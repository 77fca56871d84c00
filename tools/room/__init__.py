"""The reference command room: opens frames, stores them durably, and only then acknowledges.

MQTT -> serve.py (queue) -> core.Room.handle -> store (one transaction) -> PUBACK, sealed ack
"""
