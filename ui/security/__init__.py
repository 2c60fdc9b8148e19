"""What stands between the network and the page: which requests pass, how large they may be, and who sends them."""
