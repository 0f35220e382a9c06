"""Fine-tuning of transformers: full or by LoRA, in one process or several, going on where it was killed."""
