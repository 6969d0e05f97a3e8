"""One module per command: it parses, calls one step, and reports."""
