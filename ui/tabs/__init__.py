"""One module per tab: its components, and what happens when they are used."""
