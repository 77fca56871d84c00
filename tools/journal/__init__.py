"""What lies in a vehicle's journal, read without changing anything in it."""
