"""Reading the user's media: local regular files only, with limits; what comes out are frames with their times."""
