"""The history of the product, for those who make it and those who may know the treatment."""
