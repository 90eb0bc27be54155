"""The classes that a picture can be told to show."""
