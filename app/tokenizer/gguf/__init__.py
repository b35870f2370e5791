"""A GGUF file's vocabulary as the files of a Hugging Face tokenizer, in memory."""
