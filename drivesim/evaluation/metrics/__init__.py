"""Metrics and statistics: distances, similarity, feature networks, intervals."""
