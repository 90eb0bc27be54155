"""What can put a picture into one sentence for the `caption` expert."""
