"""PostgreSQL with pgvector: the only stage that knows SQL.

`session` opens a database, `server` is the embedded one, `migrations` its schema's history.
`registry` knows the backbone revisions, `gallery` what is there, `write` puts media in, `search`
answers queries, `indexes` builds HNSW indexes.
"""
