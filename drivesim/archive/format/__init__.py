"""What an archive looks like on disk: layout, names, Zarr documents, identity, commit records."""
