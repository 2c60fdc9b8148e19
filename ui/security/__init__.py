"""Access control between the network and the page: allowed requests, their largest sizes, and logins."""
