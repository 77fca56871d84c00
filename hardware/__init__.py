"""The boards: schematics as data, their drawings, simulations and power budget."""
