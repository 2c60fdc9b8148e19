"""One module per format; each turns files into recordings, and knows nothing of the others."""
