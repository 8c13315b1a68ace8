"""The bell on the server: a process of its own that sounds what must be heard, whatever browsers do."""
