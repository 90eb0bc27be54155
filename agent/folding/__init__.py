"""What the findings say about a question, as lines of evidence; `vqa.agent.prompting` ranks them and keeps what fits.

Between the reading of a question, which knows no findings, and trust, which holds an answer against them.
"""
