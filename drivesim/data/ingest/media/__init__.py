"""Reading of the user's media as frames with times, from local regular files only and with limits."""
