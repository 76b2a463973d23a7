"""The story in a few functions: ingest, search, demo. Front ends call these and render."""
