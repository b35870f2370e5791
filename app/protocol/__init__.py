"""Wire rules that routes share: strict JSON, fields, messages, sampling, logprobs, errors."""
