"""The command line: each command parses, calls one pipeline function, renders."""
