"""What an answer can be trusted for: the evidence for and against it, its confidence, and when to say nothing.

Pure functions of a question, the findings, what the core answered and how sure it was; nothing here looks or loads.
"""
