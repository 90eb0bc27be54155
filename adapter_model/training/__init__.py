"""Training an adapter from a recipe: `vqa train RECIPE.yaml` (docs/training.md)."""
