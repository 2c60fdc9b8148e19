"""One job: the futures of a scenario, made by worker processes into an archive with previews."""
