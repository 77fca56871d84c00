"""The two boards: which sheets they have and how their root page is arranged."""
