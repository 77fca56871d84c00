"""The whole system on one machine: emulated car, agent, embedded broker, room; loopback only."""
