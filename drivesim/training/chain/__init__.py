"""The chain of stages in a given time: plan, shares, recording, report."""
