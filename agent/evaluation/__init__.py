"""Evaluation: labelled questions in, figures with intervals out."""
