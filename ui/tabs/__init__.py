"""One module per tab, with its components and the events that they cause."""
