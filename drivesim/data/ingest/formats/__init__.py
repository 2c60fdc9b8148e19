"""One module per format; each turns files into recordings and does not depend on the others."""
