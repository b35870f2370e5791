"""A checked model directory to weights: read, merged, fused, quantized, placed on devices."""
