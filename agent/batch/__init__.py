"""Question files: reading and writing them, and running them through the agent."""
