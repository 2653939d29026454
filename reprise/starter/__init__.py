"""A start with data of one's own: look at a table or a folder of images, and write params that suit it."""
