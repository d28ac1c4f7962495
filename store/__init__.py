"""modelwatch remembers: all SQL and all table classes; out come the plain types of watcher.types."""
