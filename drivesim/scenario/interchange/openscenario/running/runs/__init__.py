"""Actions that take time. Each moves its entity step by step until it ends or a newer one replaces it."""
