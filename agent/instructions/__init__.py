"""Evidence-grounded instructions: what experts found in a picture, a question, and what a good reader would answer."""
