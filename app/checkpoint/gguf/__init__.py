"""What a GGUF file says of itself, as the files of a Hugging Face directory: config, tokenizer."""
