"""Who somebody is, as people would call them."""
