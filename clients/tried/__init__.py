"""What is tried with each client; run by that client's own Python, never imported.

Each file takes the server's address and the model's directory, and prints one JSON object: what was
tried and what was found. A client that fails ends with another code than 0.
"""
