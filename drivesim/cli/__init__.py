"""The command line: one module per verb, thin, with everything heavy imported inside the verb."""
