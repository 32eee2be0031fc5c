"""NVIDIA devices, and the libraries that ONNX Runtime needs for them."""
