"""Stage 4: hits -> text and pictures. One file a format."""
