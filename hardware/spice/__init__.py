"""Simulations of what can be simulated: input protection, ignition divider, hold-up (ngspice)."""
