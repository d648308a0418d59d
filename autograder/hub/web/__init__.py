"""Pages beside the hub: what students and instructors see of the service in a browser."""
