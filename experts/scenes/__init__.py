"""What the `scene` expert tells of a whole picture: linear heads on the built-in vision network."""
