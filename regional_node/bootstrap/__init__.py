"""The one place that knows all rooms of a node. Nothing imports it but the commands and `serving`."""
