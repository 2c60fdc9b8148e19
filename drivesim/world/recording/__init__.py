"""Recording: drive logs and packed footage, with exact labels."""
