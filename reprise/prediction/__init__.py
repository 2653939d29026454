"""A trained model applied to new data: tables, images and JSON lines in, predictions out."""
