"""The shell any node is built on: settings, database, web, telemetry, worker, assets. It knows no CRM and no wire."""
