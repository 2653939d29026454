"""Two sets of predictions of the same test rows: is the difference more than chance?"""
