"""The command line: one module a verb, thin, with everything heavy imported inside the verb."""
