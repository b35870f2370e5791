"""A checked model directory to weights: read, merged, fused, quantised, placed on devices."""
