"""modelwatch remembers: all SQL and all table classes; what comes out are the plain types of watcher.types."""
