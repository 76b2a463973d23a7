"""What a folder is searched for. What a file is, its content says. Lower-case, with dot."""

from __future__ import annotations

IMAGE = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
        *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpx", ".mpo", ".psd", ".ppm"),
        *(".pgm", ".pbm", ".pnm", ".qoi", ".dds", ".pcx", ".sgi", ".ico", ".icns"),
        ".jxl",  # cannot be read yet; listed so that a folder's files are reported
    )
)

ANIMATION = frozenset({".gif", ".webp", ".apng", ".png", ".avif", ".avifs"})

VIDEO = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".flv", ".f4v"),
        *(".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".ogv", ".mxf"),
        *(".ivf", ".y4m", ".nut", ".dv", ".rm", ".rmvb"),
    )
)
