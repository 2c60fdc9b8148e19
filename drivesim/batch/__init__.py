"""Many jobs: what a batch plans, runs, records and reports."""
