"""What the index publishes: tables, columns, regions, roles. Values only."""
