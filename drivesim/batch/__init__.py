"""Jobs: a scenario's futures made by worker processes into an archive with previews."""
