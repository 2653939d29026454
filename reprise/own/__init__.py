"""A user's own code in own/: found, loaded, called, and its errors told in one line."""
