"""The detectors behind the `detect` expert, and how their objects are merged and told in words."""
