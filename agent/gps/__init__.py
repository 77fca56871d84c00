"""GPS: bytes of a receiver in, fixes out (framer -> nmea -> fix -> quality, wired by receiver)."""
