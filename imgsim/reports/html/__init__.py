"""Runs, evaluations and the gallery as one HTML page. One file a section; texts in templates/."""
