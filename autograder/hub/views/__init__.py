"""What people see, made from a moment of the service: pure functions, one module for each reader."""
