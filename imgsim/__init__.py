"""Find the images and video frames that look like a given one.

The data flow is the folder structure: `sources` (media -> frames), `backbones` (frames ->
embeddings), `store` (PostgreSQL with pgvector), `reports` (hits -> text and pictures). `pipeline`
tells the story in a few functions; `cli` parses and renders.
"""

__version__ = "0.1.0"
