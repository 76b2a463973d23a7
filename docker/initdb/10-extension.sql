-- pgvector, which imgsim needs.
CREATE EXTENSION IF NOT EXISTS vector;
