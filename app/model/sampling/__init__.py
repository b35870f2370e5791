"""Logits to tokens: penalties, top-k, nucleus and beam candidates, with torch."""
