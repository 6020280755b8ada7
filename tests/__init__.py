"""The suite: `unit` is fast and offline, `contract` runs one suite per Protocol, `federation` starts real processes."""
