"""Quantized directories: what their config says of the weights, and which tensors hold a matrix"""
