"""One future of a scenario: which windows it has, how each is predicted and rendered, and in what order."""
