"""Networks that experts and cores share, and how their files are read; importing one loads PyTorch."""
