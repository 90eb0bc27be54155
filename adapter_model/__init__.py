"""Visual cores: LLaMA-Adapter V2 and, under `cores/`, everything that answers from a picture and a prompt."""
