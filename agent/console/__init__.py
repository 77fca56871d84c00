"""What people ask of the agent: one registry, at the console and from the room."""
