"""Pictures of a scenario before any sampling."""
