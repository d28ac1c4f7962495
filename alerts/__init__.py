"""modelwatch tells: rendering, Apprise, attempts and their outcome."""
