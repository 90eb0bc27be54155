"""The agent: routes a question to experts, folds their findings into a prompt, and answers with evidence."""
