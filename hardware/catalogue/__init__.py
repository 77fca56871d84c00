"""What can be put on a board: parts with their makers' numbers, and the project's own symbols."""
