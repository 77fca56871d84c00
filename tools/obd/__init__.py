"""What is kept readable here and generated for the agent: PIDs, trouble codes."""
