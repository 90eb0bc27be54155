"""What the `ocr` expert needs to turn pieces of text with boxes into lines that read like the page: pure functions."""
