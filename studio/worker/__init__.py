"""The process that owns a device, and the queue in front of it."""
