"""What is measured of videos: a file for each measure."""
